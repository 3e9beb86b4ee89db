import Bus
import Glibc
import Storage
import SystemPackage
import Testing

@testable import Bus
@testable import Hooks

/// A worktree with what a path may lead through.
private final class Place {
    let root: FilePath
    let tree: FilePath
    let rules: Rules

    init() throws {
        root = FilePath("/dev/shm/cadre-rules-\(Random.hex(16))")
        tree = root.appending("tree")
        for directory in ["tree/src/deep", "tree/.git", "tree/.github", "other", "tree/bus"] {
            try Files.mkdirs(root.pushing(FilePath(directory)))
        }
        try Files.write([], to: root.pushing("tree/src/file"), sync: false)
        for (link, leads) in [("src/out", "/etc"), ("dangling", "/nowhere/x"), ("in", "src"), ("\u{301}l", "../other")]
        {
            guard symlink(leads, tree.pushing(FilePath(link)).string) == 0 else { throw Failure.bug("no link") }
        }
        rules = try #require(
            Rules(directory: tree.string, worktree: tree, bus: Bus(unopened: tree.appending("bus"))))
    }

    deinit { try? Files.removeAll(root) }

    func allows(_ rule: String, _ command: String) -> Bool {
        rules.allowing([rule], tool: "Bash", .object(["command": .string(command)])) == rule
    }

    func allows(_ rule: String, path: String, tool: String = "Write", _ more: [String: Value] = [:]) -> Bool {
        let input = Value.object(["file_path": .string(path)].merging(more) { $1 })
        return rules.allowing([rule], tool: tool, input) == rule
    }
}

@Suite struct RulesTests {
    private let place: Place

    init() throws { place = try Place() }

    @Test(arguments: [
        ("Bash(git diff*)", ["git diff", "git diff --stat", "git diff src/file", "git diff HEAD -- src/deep"]),
        ("Bash(git status*)", ["git status", "git status -s", "git  status --porcelain src/deep"]),
        ("Bash(git commit -m *)", ["git commit -m 'a message; with all & sorts'", "git commit -m \"of things\""]),
        (
            "Bash(ls *)",
            ["ls", "ls src", "ls in/file", "ls a..b", "ls 1.2.3", "ls x=src,file", "ls --color=auto", "ls -l"]
        ),
        ("Bash(ls*)", ["ls", "ls src"]),
        ("Bash(ls s*c)", ["ls src", "ls s/c"]), ("Bash(ls src)", ["ls src", "ls 'src'", "ls  src "]),
        ("Bash(echo http://x/)", ["echo http://x/"]), ("Bash(cadre task list*)", ["cadre task list"]),
        ("Bash(curl http://x/)", ["curl http://x/"]), ("Bash(ls /etc)", ["ls /etc"]),
    ])
    func commandsThatAreGiven(rule: String, commands: [String]) {
        for command in commands { #expect(place.allows(rule, command), "\(rule): \(command)") }
    }

    @Test(arguments: [
        ("Bash(git diff*)", ["git difftool -x rm", "git diff-index HEAD"]), ("Bash(git d*ff)", ["git diff"]),
        (
            "Bash(git status*)",
            [
                "git status; rm -rf /", "git status && rm x", "git status | sh", "git status & rm x",
                "git status $(rm x)",
                "git status `rm x`", "git status >x", "git status <x", "git status\nrm x", "git status\rrm x",
                "git status \"$(rm x)\"", "git status \"`rm x`\"", "git status $HOME", "git status *",
                "git status {a,b}",
                "git status ~", "git status \\; rm", "git status # x", "X=1 git status", "git status \"a",
                "git status 'a",
                "git -c core.fsmonitor=x status", "git", "git stat", "gitstatus", "rm -rf /", "git status /etc",
                "git status ..", "git status ../x", "git status src/../../x", "git status --x=/etc",
                "git status -C/etc",
                "git status src/out/passwd", "git status dangling", "git status .git/config", "git status .claude/x",
                "git status src/.hidden", "git status curl", "git status /bin/CURL", "git status http://x/",
                "git status a:/b", "git status git@../x", "git status\t-s", "git status é", "'git' status",
                "git status \"\"",
                "git status !x", "git status -O.x", "git status a,/etc", "git status bus/x", "git status =ls", "%1",
                "-x", "git status 'a\u{1b}b'",
            ]
        ),
        (
            "Bash(git commit -m *)",
            [
                "git commit -m \"a $(rm x)\"", "git commit -m 'a'; rm x", "git commit -m \"a!x\"",
                "git commit -m \"a\\x\"",
            ]
        ),
        ("Bash(git *)", ["git status", "git push"]), ("Bash(*)", ["ls"]), ("Bash", ["ls"]),
        ("Bash(git*)", ["git status"]),
        ("Bash(git -c *)", ["git -c x"]), ("Bash(cadre *)", ["cadre task list"]), ("Bash(ls*", ["ls"]),
        ("Bash()", ["ls", ""]),
        ("Bash(l*s src)", ["ls src"]), ("Bash(X=1 ls)", ["X=1 ls"]), ("Bash(%1)", ["%1"]), ("Bash(-x)", ["-x"]),
        (
            "Bash(ls *)",
            [
                "ls curl", "ls src/curl", "ls CURL", "ls x=src/out", "ls x,src/out", "ls x:src/out", "ls x@src/out",
                "ls a..", "ls +..", "ls x%../y",
            ]
        ),
        ("Bash(ls src)", ["ls", "ls src x", "ls sr", "ls srcx"]), ("Write(ls*)", ["ls"]), ("Bash(l*)", ["ls"]),
        ("Bash(ls s*c)", ["ls srcx", "ls src/out/c", "ls src/../c"]),
        // A mark that combines with a sign makes another character of both.
        ("Bash(ls *)", ["ls '--out=\u{301}l/x'", "ls '-o/\u{301}x'", "ls '.\u{301}x'"]),
        ("Bash(ls 'é')", ["ls 'e\u{301}'"]),
    ])
    func commandsThatAreNot(rule: String, commands: [String]) {
        for command in commands { #expect(!place.allows(rule, command), "\(rule): \(command)") }
    }

    @Test func onlyFieldsThatAreKnown() {
        let input = Value.object(["command": .string("ls"), "dangerouslyDisableSandbox": .bool(true)])
        #expect(place.rules.allowing(["Bash(ls*)"], tool: "Bash", input) == nil)
        #expect(!place.allows("Write", path: "src/new", ["other": .null]))
        #expect(place.allows("Write", path: "src/new", ["content": .string("/etc")]))
        #expect(!place.allows("Write", path: "src/new", ["notebook_path": .string("src/new")]))
    }

    @Test(arguments: [
        ("Write(src/**)", ["src/new", "src/deep/er/new", "in/file"]), ("Write", ["other", "src/deep/x", "./src/./x"]),
        ("Write(.github/*)", [".github/x"]), ("Write(**/new)", ["new", "src/deep/new"]),
        ("Write(src/*.c)", ["src/a.c"]),
    ])
    func pathsThatAreGiven(rule: String, paths: [String]) {
        for path in paths {
            #expect(place.allows(rule, path: path), "\(rule): \(path)")
            #expect(place.allows(rule, path: place.tree.pushing(FilePath(path)).string), "\(rule): \(path)")
        }
    }

    @Test(arguments: [
        (
            "Write(src/**)",
            [
                "other", "src", "src/../other", "/etc/x", "src/out/x", "src/out/../file", "src/.hidden", "src/.d/x",
                "in/../other", "",
                "src/\u{7}",
            ]
        ),
        (
            "Write",
            [
                ".git", ".git/x", ".claude/settings.json", "dangling", "dangling/x", "../other/x", "bus/x", "/etc/x",
                ".\u{301}x",
            ]
        ),
        ("Write(.github/*)", [".github/.x", ".github/x/y", ".git/x"]),
        ("Write(src/*.c)", ["src/.c", "src/a.h", "src/deep/a.c"]),
        ("Write(*)", ["src/new"]), ("Edit(src/**)", ["src/new"]), ("*", ["src/new"]), ("Write(**/new)", [".git/new"]),
    ])
    func pathsThatAreNot(rule: String, paths: [String]) {
        for path in paths { #expect(!place.allows(rule, path: path), "\(rule): \(path)") }
    }

    @Test func otherToolsByTheirNamesAlone() {
        #expect(place.rules.allowing(["WebFetch"], tool: "WebFetch", .null) == "WebFetch")
        #expect(place.rules.allowing(["*", "WebFetch(*)", "Web*"], tool: "WebFetch", .null) == nil)
        #expect(
            place.rules.allowing(["Read", "Write", "Write(**)"], tool: "Write", .object(["file_path": .string("x")]))
                == "Write")
    }

    @Test func onlyInTheWorktree() throws {
        let (tree, bus) = (place.tree, Bus(unopened: place.tree.appending("bus")))
        #expect(Rules(directory: place.root.string, worktree: tree, bus: bus) == nil)
        #expect(Rules(directory: tree.appending("nowhere").string, worktree: tree, bus: bus) == nil)
        let below = try #require(Rules(directory: tree.appending("src").string, worktree: tree, bus: bus))
        let input = Value.object(["file_path": .string("new")])
        #expect(below.allowing(["Write(src/new)"], tool: "Write", input) != nil)
        #expect(below.allowing(["Write(new)"], tool: "Write", input) == nil)
    }
}
