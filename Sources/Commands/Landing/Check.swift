import ArgumentParser
import Bus
import CommandKit
import Landing
import Storage

extension MergeVerb {
    struct Check: Verb {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Print which branches conflict with the target or with each other.")
        @OptionGroup var common: Common
        @Argument(help: "Branches or agents; - reads them from standard input. Default: all.") var branches: [String] =
            []

        func run(_ tool: CommandContext) throws {
            let prediction = try ConflictPrediction(tool.work())
            let conflicts = try branches.isEmpty ? prediction.check() ?? [] : prediction.compare(tool.names(branches))
            for conflict in conflicts {
                let (one, other) = (conflict.one, conflict.other)
                tool.print(
                    [one.name, other.name, conflict.paths.map(Names.shown).joined(separator: ", ")],
                    json: [
                        "a": .string(one.name), "b": .string(other.name),
                        "paths": .list(conflict.paths.map { .string($0) }),
                        "tasks": .list([one.task, other.task].compactMap { $0 }.map { .int($0) }),
                        "agents": .list([one.agent, other.agent].compactMap { $0 }.map { .string($0) }),
                        "tips": .list([.string(one.tip), .string(other.tip)]),
                    ])
            }
            if !conflicts.isEmpty { throw ExitCode(1) }
        }
    }
}
