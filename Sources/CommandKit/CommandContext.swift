import ArgumentParser
import Bus
import Configuration
import Git
import Glibc
import Hooks
import Landing
import Storage
import SystemPackage
import Team

/// What a verb stands on: the bus of the place it runs in, and who calls.
package final class CommandContext {
    package let common: Common.Values
    package let directory: FilePath
    private var opened: Bus?
    var openedTeam: Team?
    /// What the caller's worktree was seen to hold of an earlier task, see `requireFree`.
    var leftover: TaskBranches.Leftover?
    var knownPrograms: [String]?

    package init(_ common: Common.Values) throws {
        self.common = common
        directory = FilePath(common.directory ?? ".")
    }

    package static let version = "0.1.0"

    /// Becomes a program of PATH; returns only if there is none. The C function is `execvp`.
    package static func exec(_ program: String, _ arguments: [String]) {
        var argv: [UnsafeMutablePointer<CChar>?] = ([Array(program.utf8)] + arguments.map(Bytes.of)).map { bytes in
            (bytes + [0]).withUnsafeBufferPointer { $0.withMemoryRebound(to: CChar.self) { strdup($0.baseAddress!) } }
        }
        argv.append(nil)
        execvp(program, argv)
    }

    // MARK: where

    /// Where the bus is or would be: with `-C` that of the repository there, else `$CADRE_DIR`, else `cadre/` in the
    /// common git directory. The bus that `$CADRE_DIR` names is that of its repository with `-C` as well.
    package func busPath() throws -> FilePath {
        guard let set = environment("CADRE_DIR") else { return try Bus.place(in: repository().commonDirectory) }
        guard set.hasPrefix("/") else {
            throw Failure.usage("CADRE_DIR must be an absolute path, not '\(Names.shown(set))'")
        }
        guard common.directory != nil else { return FilePath(set) }
        let found = try repository().commonDirectory
        if let bus = try Bus.open(FilePath(set)), try bus.repository() == found { return bus.root }
        return Bus.place(in: found)
    }

    /// Whether `-C` names a place outside the project whose bus the environment names.
    var isElsewhere: Bool {
        guard common.directory != nil, let set = environment("CADRE_DIR"), let path = try? busPath() else {
            return false
        }
        return path != FilePath(set)
    }

    /// The repository of the place the verb runs in. What git tells its hooks and aliases counts, unless `-C` names a
    /// place.
    package func repository() throws -> Repository {
        try Repository.find(from: directory, plain: common.directory != nil)
    }

    /// git on the bus's repository, without a worktree.
    package func git() throws -> Git { Git(common: try bus().repository()) }

    /// The configuration in force.
    package func settings() throws -> Settings {
        if let openedTeam { return openedTeam.settings }
        let settings = try Settings(git(), bus: bus())
        // If this process can't write the bus, another one asks.
        try? settings.askForWaiting(bus())
        return settings
    }

    /// Records the binding settings as known when a person starts something; from now on they bind agents as they are.
    /// While agents run, says which of them bind less than before.
    package func becomeKnown() throws {
        guard try isPerson() else { return }
        let bus = try bus()
        // The repository had no commit, or no branch was checked out, when the bus was made.
        if try bus.target() == nil, let here = try? repository(), try here.commonDirectory == bus.repository(),
            let branch = try here.checkedOut()
        {
            try bus.setTarget(branch)
        }
        let settings = try Settings(git(), bus: bus, holds: false)
        let loosened = try settings.becomeKnown(bus)
        openedTeam = Team(bus: bus, git: try git(), settings: settings)
        if try !loosened.isEmpty && bus.hasLiving() {
            for one in loosened { say("binds agents less from now on: \(one.text)") }
        }
    }

    /// The configuration, of a repository that may have no bus yet.
    package func settingsBefore() throws -> Settings {
        try busIfAny() == nil ? Settings(Git(common: repository().commonDirectory), bus: nil) : settings()
    }

    /// What is done with branches and worktrees.
    package func work() throws -> TaskBranches { try team().work }

    /// The bus. Without one a verb ends here with 1, and says so unless it is to be quiet.
    package func bus() throws -> Bus {
        if let opened { return opened }
        guard let bus = try Bus.open(busPath()) else {
            if common.quiet { throw ExitCode(1) }
            throw Failure.no("no bus in this repository, 'cadre init' makes one")
        }
        opened = bus
        return bus
    }

    /// The bus; nil without one.
    package func busIfAny() throws -> Bus? {
        if opened == nil { opened = try Bus.open(busPath()) }
        return opened
    }

    /// If no bus can be opened, throws for a bad name or id first: a usage error is to win over a missing bus. With a
    /// bus the verb checks each name in its turn. `-` stands for standard input.
    package func checkUsage(agents: [String] = [], ids: [String] = []) throws {
        if (try? busIfAny()) != nil { return }
        for name in agents where name != "-" { _ = try Names.agent(name) }
        for id in ids where id != "-" { _ = try Names.id(id) }
    }

    /// The bus, made if there is none, which is said on standard error.
    package func busOrNew() throws -> Bus {
        if let opened { return opened }
        let (bus, made) = try Bus.make(busPath())
        if made {
            let repository = try repository()
            try bus.setRepository(repository.commonDirectory)
            if let branch = try repository.checkedOut() { try bus.setTarget(branch) }
            say("made the bus '\(bus.root.string)'")
        }
        opened = bus
        return bus
    }

    // MARK: who

    package func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    lazy var callerResult = Result { try findCaller() }
    lazy var descentResult = Result { try findDescent() }

    /// The session the caller presents: `$CADRE_SESSION`, if it acts under its own name.
    package var session: String? {
        if let name = common.as, name != environment("CADRE_AGENT") { return nil }
        return isElsewhere ? nil : environment("CADRE_SESSION")
    }

    /// The caller as a worker. Its supervisor answers for its claims if it has a card and presents the current
    /// session's token, or if a person acts for a running agent; otherwise its claims are leases.
    package func worker(role: String? = nil, lease: Int? = nil) throws -> Worker {
        let name = try caller()
        let card = try bus().agent(named: name)
        let role = try role.map(Names.role) ?? card?.role
        let manages = role.map(manages) ?? false
        let lease = try lease ?? defaultLease()
        var worker =
            card.map { Worker($0, role: role, manages: manages, lease: lease) }
            ?? Worker(name: name, role: role, manages: manages, lease: lease)
        worker.session = nil
        if let session, let card {
            guard card.token == session else {
                throw Failure.no("this session of '\(name)' is over: a later one has begun")
            }
            worker.session = session
        } else if common.as == name, let card, card.alive, try superior() == name {
            // A person on its behalf.
            worker.session = card.token
        }
        return worker
    }

    /// Whether a role takes epics.
    package func manages(_ role: String) -> Bool { ["lead", "coordinator", "manager"].contains(role) }

    /// Seconds of a lease.
    func defaultLease() throws -> Int { try settings().number(.lease) }

    // MARK: what

    /// Says something to the person, unless `-q`.
    package func say(_ text: String) { if !common.quiet { Output.complain(text) } }

    /// Whether a person is told what to do next: where standard error is a terminal, unless `cadre.advice` is false.
    package func advises() throws -> Bool {
        try !common.quiet && !common.json && isatty(2) == 1
            && (settings().string("advice") == nil || settings().flag("advice"))
    }

    /// Prints the following records as rows of a table with this header, if a person reads them. If there are none,
    /// prints `empty` as advice.
    package func table(_ look: Look, _ heads: [String], empty: String? = nil) {
        guard !common.quiet, !common.json, look.isShown else { return }
        Output.table = Table(heads, colors: look.hasColors, empty: (try? advises()) == true ? empty : nil)
    }

    /// Prints a record: the fields divided by tabs, or the JSON object; nothing with `-q`.
    package func print(_ fields: [String], json: KeyValuePairs<String, JSONValue>) {
        if common.quiet { return }
        if common.json { Output.json(json) } else { Output.line(fields: fields) }
    }

    /// The names given: as arguments, or for `-` the first word of each line of standard input.
    package func names(_ arguments: [String]) throws -> [String] {
        var names: [String] = []
        for argument in arguments {
            guard argument == "-" else {
                names.append(argument)
                continue
            }
            for line in try standardInput().split(separator: 10) {
                let word = line.drop { $0 == 32 || $0 == 9 }.prefix { $0 != 9 && $0 != 32 && $0 != 13 }
                if !word.isEmpty { names.append(String(decoding: word, as: UTF8.self)) }
            }
        }
        return names
    }

    /// A line of text, valid UTF-8 without control characters.
    package func line(_ text: String, what: String = "title") throws -> String {
        guard Bytes.isText(text) else { throw Failure.usage("\(what) is not valid UTF-8") }
        return try Names.line(text, what: what)
    }

    /// A body: the text, `-` for standard input, a file, or with none of them `otherwise`.
    package func body(_ text: String?, file: String?, otherwise: () throws -> [UInt8] = { [] }) throws -> [UInt8] {
        if let file {
            guard text == nil else { throw Failure.usage("give a text or -F, not both") }
            if file == "-" { return try standardInput() }
            guard let bytes = try Files.readAny(directory.pushing(FilePath(file))) else {
                throw Failure.usage("no file '\(Names.shown(file))'")
            }
            return bytes
        }
        guard let text else { return try otherwise() }
        return text == "-" ? try standardInput() : Bytes.of(text)
    }

    package func standardInput() throws -> [UInt8] {
        if let given = Call.own, !given.contains("input") { throw ExitCode(Call.wantsInput) }
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let n = read(0, &chunk, chunk.count)
            if n < 0, errno == EINTR { continue }
            guard n >= 0 else {
                throw Failure.unsure("unable to read standard input: \(String(cString: strerror(errno)))")
            }
            if n == 0 { return all }
            all += chunk[..<n]
        }
    }

    /// Does the same for each name, says what failed, and ends with the highest exit code.
    package func each<T>(_ items: [T], _ body: (T) throws -> Void) throws {
        var worst: Failure.Kind?
        for item in items {
            do { try body(item) } catch let failure as Failure {
                if items.count == 1 { throw failure }
                CommandRunner.complain(failure.message)
                if failure.kind.rawValue > worst?.rawValue ?? 0 { worst = failure.kind }
            }
        }
        if let worst { throw ExitCode(worst.rawValue) }
    }

    /// A deadline from `--wait[=T]` or `--timeout T`: nil is none.
    package func deadline(_ text: String?) throws -> Int? {
        guard let text, text != "forever" else { return nil }
        guard let seconds = Time.duration(text) else {
            throw Failure.usage("bad time '\(Names.shown(text))', use 30s, 5m, 2h or 3d")
        }
        return Time.now() + seconds
    }

    /// A duration such as `5m`, in seconds.
    package func seconds(_ text: String) throws -> Int {
        guard let seconds = Time.duration(text), seconds > 0 else {
            throw Failure.usage("bad time '\(Names.shown(text))', use 30s, 5m, 2h or 3d")
        }
        return seconds
    }

    // MARK: the dead

    /// Puts right what crashes left, and takes tasks from the dead.
    @discardableResult
    package func recover() throws -> Recovery { try team().recover() }

    /// Takes tasks from the dead before a verb reports that there are none; returns their ids. Starts no process if
    /// nobody died.
    @discardableResult
    package func recoverTasks() throws -> [Int] { try bus().hasLeftovers() ? recover().released : [] }
}
