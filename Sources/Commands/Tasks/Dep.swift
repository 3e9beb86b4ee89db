import ArgumentParser
import CommandKit
import Storage

extension TaskVerb {
    struct Dep: Verb {
        static let configuration = CommandConfiguration(
            commandName: "dep", abstract: "Change a task's dependencies; print them.")
        @OptionGroup var common: Common
        @Option(name: .long, help: "A task that must be done first. Repeatable.") var add: [String] = []
        @Option(name: .long, help: "A dependency to remove. May be given again.") var remove: [String] = []
        @Argument(help: "The task.") var id: String

        func run(_ tool: CommandContext) throws {
            let id = try Names.id(id)
            let add = try self.add.map(Names.id)
            let remove = try self.remove.map(Names.id)
            let bus = try tool.bus()
            if !add.isEmpty || !remove.isEmpty {
                try bus.edit(id, by: tool.caller()) { header in
                    for other in remove where !header.depends.contains(other) {
                        throw Failure.no("task \(id) does not depend on \(other)")
                    }
                    header.depends.removeAll { remove.contains($0) }
                    for other in add where !header.depends.contains(other) { header.depends.append(other) }
                }
            }
            for other in try bus.view(id).header.depends {
                let view = try bus.view(other)
                tool.print(
                    ["\(other)", view.state.rawValue, view.header.title],
                    json: [
                        "id": .int(other), "state": .string(view.state.rawValue), "title": .string(view.header.title),
                    ])
            }
        }
    }
}
