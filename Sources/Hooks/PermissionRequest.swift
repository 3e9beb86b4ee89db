import AgentPrograms
import FoundationEssentials
import Storage
import SystemPackage

/// What a program asks permission for. Its digest is of the tool, all that it is to be used on, and where.
struct Request {
    let tool: String
    let input: Value
    /// Nil if it can't be told.
    let directory: String?
    var digest: String {
        Digest.of(
            Array(
                Value.object(["tool": .string(tool), "input": input, "directory": .string(directory ?? "")]).canonical
                    .utf8))
    }

    /// Nil if the call names no tool.
    init?(_ call: HookCall, _ known: AgentProgram?) {
        guard let tool = call.tool else { return nil }
        self.tool = tool
        input = call.input ?? .null
        directory =
            known?.hidesDirectory == true && tool == "Bash"
            ? Request.directory(of: input["command"]?.string, call) : call.directory
    }

    /// The command or the path, or all of it, in a line.
    var subject: String {
        Names.shown(
            (input["command"] ?? input["file_path"] ?? input["notebook_path"] ?? input["url"])?.string
                ?? input.canonical)
    }

    var title: String { "\(Names.shown(tool)): \(subject)" }

    /// A line for the list, then every field whole.
    var text: String {
        var text = "\(title)\nin \(directory.map(Names.shown) ?? "a directory that is not known")\n"
        for key in input.keys {
            let value = Names.plain((input[key]?.string ?? input[key]?.canonical ?? "").utf8)
            text += value.contains("\n") ? "\n\(Names.shown(key)):\n\(value)\n" : "\n\(Names.shown(key)): \(value)\n"
        }
        return text
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Line: Decodable {
        struct Payload: Decodable {
            var type: String?
            var call_id: String?
            var arguments: String?
        }
        var payload: Payload?
    }

    /// Where Codex is to run the command: the directory that the calls in its transcript name which have no result yet,
    /// if they agree.
    private static func directory(of command: String?, _ call: HookCall) -> String? {
        guard let command, let base = call.directory, let transcript = call.transcript,
            let end = try? Files.readEnd(FilePath(transcript), 1 << 20)
        else { return nil }
        var open: [String: String] = [:]
        for line in end.split(separator: 10) {
            guard let payload = (try? JSONDecoder().decode(Line.self, from: Data(line)))?.payload,
                let id = payload.call_id
            else { continue }
            if payload.type == "function_call_output" { open[id] = nil }
            guard payload.type == "function_call", let text = payload.arguments,
                let arguments = try? JSONDecoder().decode(Value.self, from: Data(text.utf8)),
                (arguments["cmd"] ?? arguments["command"])?.string == command
            else { continue }
            let place = arguments["workdir"]?.string ?? ""
            open[id] = FilePath(base).pushing(FilePath(place)).lexicallyNormalized().string
        }
        return Set(open.values).count == 1 ? open.values.first : nil
    }
}
