import Bus
import Configuration
import Git
import Processes
import Storage
import SystemPackage

/// git for cadre's own work on other people's commits: merging, predicting, checking out for the gate, signing.
///
/// It uses a git directory of cadre's. That has the repository's objects, and of the repository's configuration only
/// the settings that shape content and the commands that the person approved (see Configured): nothing else that an
/// agent writes there can start a program. References are read and moved in the repository itself.
///
/// Attributes count as in a checkout: those in the tree, in `info/attributes`, and in the user's own file. Where there
/// is no checkout git is run in a directory that has nothing but the `.gitattributes` of the tree below; it is made
/// once for the same ones, aside and renamed in.
///
///     merge/git/.git          config, HEAD, info/attributes: written anew where they are not as they should be
///     merge/git/              no files: where what needs a worktree and no attributes is run
///     merge/attributes/ID/    the `.gitattributes` of a tree, ID a digest of their paths and contents
final class IsolatedGit {
    let work: TaskBranches
    var bus: Bus { work.bus }
    private var repository: Git { work.repository }
    private var made: (configured: Configured, git: Git)?
    private let cache: RunCache

    /// Seconds that a call may take: a filter or a driver may never end.
    private static let limit = 600.0

    init(_ work: TaskBranches, _ cache: RunCache = RunCache()) {
        self.work = work
        self.cache = cache
    }

    func configured() throws -> Configured { try prepare().configured }

    func committer() throws -> Committer { try cache.committer(configured(), plain()) }

    /// Where no attributes count.
    func plain() throws -> Git { try prepare().git }

    /// In a worktree with its own index.
    func git(in worktree: FilePath, index: FilePath) throws -> Git {
        let base = try prepare().git
        var git = Git(directory: base.directory, worktree: worktree)
        git.added = base.added.merging(["GIT_INDEX_FILE": index.string]) { $1 }
        git.limit = base.limit
        return git
    }

    /// For merges onto a tree, whose attributes count.
    func merging(onto tree: String) throws -> Git {
        let base = try prepare().git
        var git = Git(directory: base.directory, worktree: try attributes(of: tree))
        git.added = base.added
        git.limit = 60
        return git
    }

    /// A worktree of the person's, without the filters that are not let run.
    func tame(_ git: Git) throws -> Git {
        var git = git
        git.added.merge(try configured().tame) { $1 }
        return git
    }

    // MARK: the directory

    private func prepare() throws -> (configured: Configured, git: Git) {
        if let made { return made }
        let configured = try Configured(repository, bus, target: work.settings.target)
        let directory = bus.mergeGitDirectory
        for part in ["refs", "objects", "info"] { try Files.mkdirs(directory.appending(part)) }
        let information = try Files.read(repository.directory.appending("info/attributes")) ?? []
        for (name, bytes) in [
            ("HEAD", Array("ref: refs/heads/none\n".utf8)), ("config", try config(configured)),
            ("info/attributes", information),
        ] {
            let file = directory.pushing(FilePath(name))
            if try Files.read(file) != bytes { try bus.replace(file, with: bytes, sync: false) }
        }
        let objects = repository.directory.appending("objects")
        // Found there without the variable too: by what git-lfs starts.
        let alternates = directory.appending("objects").appending("info")
        try Files.mkdirs(alternates)
        let line = Array("\(objects.string)\n".utf8)
        if try Files.read(alternates.appending("alternates")) != line {
            try bus.replace(alternates.appending("alternates"), with: line, sync: false)
        }
        var git = Git(directory: directory, worktree: bus.mergeGit)
        git.added["GIT_OBJECT_DIRECTORY"] = objects.string
        let shallow = repository.directory.appending("shallow")
        if try Files.exists(shallow) { git.added["GIT_SHALLOW_FILE"] = shallow.string }
        git.limit = IsolatedGit.limit
        made = (configured, git)
        return (configured, git)
    }

    /// Of `core.`: what shapes the content of files and how they are written.
    private static let core: Set<String> = [
        "autocrlf", "eol", "safecrlf", "ignorecase", "filemode", "symlinks", "precomposeunicode", "protecthfs",
        "protectntfs", "bigfilethreshold",
        "compression", "loosecompression", "sharedrepository", "checkroundtripencoding", "attributesfile",
        "repositoryformatversion", "longpaths",
    ]

    private static func shapes(_ key: String) -> Bool {
        let (section, name, variable) = Configured.parts(key)
        switch section {
        case "core": return core.contains(variable)
        case "extensions": return ["objectformat", "partialclone"].contains(variable)
        case "filter", "merge", "gpg", "user", "author", "committer", "i18n", "lfs", "remote": return true
        case "commit": return variable == "gpgsign"
        case "diff": return name == nil && variable != "external"
        case "credential", "http", "url": return true
        default: return false
        }
    }

    private func config(_ configured: Configured) throws -> [UInt8] {
        let strange = try agentLives() ? Set(configured.strange(nil)) : []
        var text = ""
        func add(_ key: String, _ value: String?) {
            func quoted(_ text: String) -> String {
                text.unicodeScalars.map {
                    $0 == "\\" || $0 == "\"" ? "\\\($0)" : $0 == "\n" ? "\\n" : $0 == "\t" ? "\\t" : "\($0)"
                }.joined()
            }
            let (section, name, variable) = Configured.parts(key)
            let escaped = name.map { name in
                " \"" + name.unicodeScalars.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : "\($0)" }.joined() + "\""
            }
            text += "[\(section)\(escaped ?? "")]\n\t\(variable)\(value.map { " = \"\(quoted($0))\"" } ?? "")\n"
        }
        // The user's and the system's are read by git itself; those of files that they include for this directory are
        // not. git's own configuration counts before this.
        for line in configured.server where configured.approved.contains(line.text) {
            add(String(line.key.dropFirst(Configured.lfs.count)), line.value)
        }
        for line in configured.lines where IsolatedGit.shapes(line.key) && configured.counts(line) {
            let (section, name, variable) = Configured.parts(line.key)
            if ["credential", "http", "url", "remote", "lfs"].contains(section), !line.isOwn { continue }
            // Where missing objects are fetched from is needed to check anything out.
            if strange.contains(line.text),
                !(section == "remote" && variable == "url" && configured.value("remote.\(name ?? "").promisor") != nil)
            {
                continue
            }
            if section == "remote", variable == "url" || variable == "pushurl", let value = line.value {
                add(line.key, try work.absolute(value))
            } else {
                add(line.key, line.value)
            }
        }
        add("core.bare", "false")
        if configured.lines.contains(where: { $0.key.hasPrefix("filter.lfs.") || $0.key.hasPrefix("lfs.") }),
            configured.value("lfs.storage") == nil
        {
            add("lfs.storage", repository.directory.appending("lfs").string)
        }
        return Array(text.utf8)
    }

    /// Whether an agent lives: it may have changed the repository's configuration since the person saw it.
    func agentLives() throws -> Bool { try bus.hasLiving() }

    // MARK: attributes

    /// A commit has the attributes of the one below, unless it changes a file of them.
    func inherit(_ commit: String, from below: String, changing paths: [String]) {
        guard !paths.contains(where: { $0 == ".gitattributes" || $0.hasSuffix("/.gitattributes") }) else { return }
        cache.attributes[commit] = cache.attributes[below]
    }

    func attributes(of tree: String) throws -> FilePath {
        if let known = cache.attributes[tree], try Files.exists(known) { return known }
        let listed = try repository.run(["ls-tree", "-r", "-z", "--full-tree", tree]).output.split(separator: 0)
        let name = Array("/.gitattributes".utf8)
        let files = listed.compactMap { line -> (id: String, path: String)? in
            guard
                line.suffix(name.count).elementsEqual(name)
                    || line.suffix(name.count - 1).elementsEqual(name.dropFirst()), let tab = line.firstIndex(of: 9)
            else { return nil }
            let words = String(decoding: line[..<tab], as: UTF8.self).split(separator: " ")
            let path = String(decoding: line[(tab + 1)...], as: UTF8.self)
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            // git follows no link here, and no honest tree has the other cases.
            guard words.count == 3, words[0].hasPrefix("100"), parts.last == ".gitattributes",
                !parts.contains(where: { ["", ".", ".."].contains($0) || $0.lowercased() == ".git" })
            else { return nil }
            return (String(words[2]), path)
        }
        let place = bus.attributesPlace(Digest.of(Array(files.map { "\($0.id) \($0.path)\0" }.joined().utf8)))
        cache.attributes[tree] = place
        if try Files.exists(place) { return place }
        let aside = bus.aside()
        try Files.mkdirs(aside)
        for file in files {
            let path = aside.pushing(FilePath(file.path))
            try Files.mkdirs(path.removingLastComponent())
            try Files.write(repository.run(["cat-file", "blob", file.id]).output, to: path, sync: false)
        }
        try Files.mkdirs(bus.mergeAttributes)
        // Another may have made the same meanwhile.
        if try !Files.renameNew(aside, place) { try Files.removeAll(aside) }
        return place
    }
}

extension TaskBranches {
    /// The address of a remote as it is from everywhere: git takes a path from the worktree that it is run in, and so
    /// do the people who gave it, from the main one.
    func absolute(_ address: String) throws -> String {
        guard !address.hasPrefix("/"), !address.hasPrefix("~"), let main = try worktrees().first?.path else {
            return address
        }
        // `HOST:PATH` and `SCHEME://`, unless a slash comes first.
        if let colon = address.firstIndex(of: ":"), address[..<colon].firstIndex(of: "/") == nil { return address }
        return main.pushing(FilePath(address)).lexicallyNormalized().string
    }
}
