import ArgumentParser
import Bus
import Glibc
import Processes
import Storage
import Supervision
import SystemPackage
import Team

// A verb whose agent's program has a sandbox that can't write the bus calls the agent's supervisor. The supervisor runs
// the verb outside, and this process ends with its exit code.
extension CommandRunner {
    /// Returns where the verb is to be run here.
    package static func callFromSandbox(_ verb: String, _ options: [String], _ arguments: [String]) {
        func variable(_ name: String) -> String? {
            getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
        }
        guard Call.own == nil, SandboxServer.verbs.contains(verb), let root = variable("CADRE_DIR"),
            root.hasPrefix("/"),
            let token = variable("CADRE_SESSION"),
            let name = variable("CADRE_AGENT"), Names.isName(name), let bus = try? Bus.open(FilePath(root)),
            (try? bus.mustCall(name)) == true
        else { return }
        var place = Common.Values()
        var words: [String] = []
        var left = options[...]
        while let option = left.popFirst() {
            if option == "-C" {
                place.directory = left.popFirst()
            } else if option.hasPrefix("-C") {
                place.directory = String(option.dropFirst(2))
            } else {
                words.append(option)
            }
        }
        // Another project's bus is not the supervisor's.
        guard (try? CommandContext(place).busPath()) ?? bus.root == bus.root else { return }
        perform("cadre \(verb)") {
            // Behind a subcommand, if it is one.
            let all = [verb] + arguments.prefix(1) + words + arguments.dropFirst()
            guard all.allSatisfy(Bytes.isText) else {
                throw Failure.usage("an argument is not valid UTF-8: give it on standard input")
            }
            let tool = try CommandContext(place)
            var call = Call(all, directory: try absolute(tool.directory), token: token)
            while true {
                let answer = try bus.call(call, of: name)
                if answer.code == Call.wantsInput, call.input == nil {
                    call.input = try tool.standardInput()
                } else if answer.code == Call.wantsCheck, !call.checked {
                    let worktree = try bus.agent(named: name)?.worktree
                    try CommandContext(Common.Values()).work().verify(
                        String(decoding: answer.output, as: UTF8.self), in: worktree ?? call.directory)
                    call.checked = true
                } else {
                    Output.raw(answer.output)
                    Output.flush()
                    for line in answer.error.split(separator: 10) {
                        Output.complain(String(decoding: line, as: UTF8.self))
                    }
                    if answer.code != 0 { throw ExitCode(answer.code) }
                    return
                }
            }
        }
    }

    /// The C function is `realpath`.
    private static func absolute(_ path: FilePath) throws -> FilePath {
        guard let found = path.withPlatformString({ realpath($0, nil) }) else {
            throw Failure.unsure("unable to enter '\(Names.shown(path.string))': \(String(cString: strerror(errno)))")
        }
        defer { free(found) }
        return FilePath(platformString: found)
    }
}

extension CommandContext {
    /// Runs a task's check as its agent would. For a caller in a sandbox it exits instead, and the caller runs the
    /// check.
    package func verify(_ command: String, in directory: FilePath, for claim: Claim) throws {
        guard let given = Call.own else { return try work().verify(command, in: directory, for: claim) }
        guard !given.contains("check") else { return }
        Output.raw(Array(command.utf8))
        throw ExitCode(Call.wantsCheck)
    }
}
