import Glibc
import Processes

// Output that may be longer than the screen goes through git's pager: `GIT_PAGER`, `core.pager`, `PAGER`, less. cadre
// asks git outside the repository, because the person would run whatever an agent writes into the repository's
// configuration. As in git, `LESS` is FRX and `LV` is -c where they are unset.
extension Output {
    /// From now on standard output goes through the pager, if it is a person's terminal. The C functions are `pipe`,
    /// `posix_spawnp` and `dup2`.
    package static func page() {
        guard isTerminal, !isPaging, getenv("CADRE_AGENT").map({ $0.pointee == 0 }) ?? true,
            getenv("TERM").map({ String(cString: $0) }) ?? "dumb" != "dumb"
        else { return }
        var git = Program(["git", "var", "GIT_PAGER"])
        git.directory = "/"
        git.environment = ["GIT_DIR": nil, "GIT_CONFIG": nil]
        guard let found = try? git.run(), found.status == 0, !found.text.isEmpty, found.text != "cat" else { return }
        _ = colors
        flush()
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return }
        setenv("LESS", "FRX", 0)
        setenv("LV", "-c", 0)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        for end in ends { posix_spawn_file_actions_addclose(&actions, end) }
        var words: [UnsafeMutablePointer<CChar>?] = (["sh", "-c", found.text] as [String]).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid = pid_t()
        let began = posix_spawnp(&pid, "sh", &actions, nil, &words, environ) == 0
        if began {
            dup2(ends[1], 1)
            pager = pid
            // It is for the pager; who closes that ends us by the pipe.
            signal(SIGINT, SIG_IGN)
        }
        for end in ends { close(end) }
    }

    /// Writes what is left, and waits for the pager.
    static func finish() {
        let empty = table.flatMap { $0.isEmpty ? $0.empty : nil }
        flush()
        if let empty { complain(empty) }
        guard let pid = pager else { return }
        pager = nil
        close(1)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    private static var isPaging: Bool { pager != nil }
}
