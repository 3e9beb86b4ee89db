import ArgumentParser
import Bus
import CommandKit
import Git
import Processes
import Storage
import Team

package struct PushVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "push", abstract: "Push the branch of an agent's task to the remote.")
    @OptionGroup package var common: Common
    @Flag(name: .long, help: "Also open a pull request, with gh.") var pr = false
    @Option(name: .long, help: "The remote. Default: that of 'git push'.") var remote: String?
    @Argument(help: "Agents; - reads names from standard input.") var names: [String]
    package init() {}

    package func run(_ tool: CommandContext) throws {
        try tool.checkUsage(agents: names)
        let team = try tool.team()
        try tool.each(tool.names(names)) { name in
            let agent = try team.agent(Names.agent(name))
            guard let git = try agent.commits, let reference = try git.branch() else {
                throw Failure.no("'\(name)' is on no branch: there is nothing to push")
            }
            try team.work.keep(agent)
            let branch = String(reference.dropFirst("refs/heads/".count))
            let remote = try self.remote ?? team.work.pushRemote(branch)
            let result = try team.work.push(reference, of: agent, to: remote)
            guard result.status == 0 else {
                throw Failure.unsure("unable to push '\(branch)' to '\(remote)': \(Git.refusal(result))")
            }
            tool.print(
                [name, branch], json: ["name": .string(name), "branch": .string(branch), "remote": .string(remote)])
            if pr { try openRequest(team, agent, branch, tool) }
        }
    }

    private func openRequest(_ team: Team, _ agent: AgentView, _ branch: String, _ tool: CommandContext) throws {
        guard let target = team.settings.target else {
            throw Failure.no("no target branch: choose one with 'git config cadre.target BRANCH'")
        }
        let task = try team.bus.claims().first { $0.owner == agent.name }
        let header = try task.flatMap { try team.bus.header($0.id) }
        var program = Program([
            "gh", "pr", "create", "--head", branch, "--base", String(target.dropFirst("refs/heads/".count)), "--title",
            header?.title ?? branch, "--body-file", "-",
        ])
        program.directory = agent.worktree
        program.input = header?.body ?? []
        let result: Program.Result
        do { result = try program.run() } catch { throw Failure.unsure("pushed; no pull request: no gh here") }
        guard result.status == 0 else { throw Failure.unsure("pushed; no pull request: \(result.complaint)") }
        tool.say(result.text)
    }
}
