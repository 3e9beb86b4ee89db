import Glibc

// The program that Tests/fuzz/run starts: `cadre-fuzz NAME`, and then libFuzzer's own arguments.

@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ check: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

nonisolated(unsafe) private var target: Target?

target = CommandLine.arguments.dropFirst().first.flatMap { name in Target.all.first { $0.name == name } }
guard target != nil else {
    print(Target.all.map(\.name).joined(separator: "\n"))
    exit(CommandLine.argc > 1 ? 64 : 0)
}
var count = CommandLine.argc - 1
var arguments = CommandLine.unsafeArgv + 1
exit(
    runFuzzer(&count, &arguments) { bytes, count in
        do { try target!.check(Array(UnsafeBufferPointer(start: bytes, count: count))) } catch {
            fatalError("\(error)")
        }
        return 0
    })
