/// What a program tells its hook, as far as it is asked about.
package struct HookCall {
    /// The hook's name, as Claude Code has it: `PreToolUse`, `Stop`, …
    package var event: String
    /// The id of the program's session.
    package var conversation: String?
    /// The path of the conversation's record.
    package var transcript: String?
    /// Of SessionStart: startup, resume, clear or compact.
    package var source: String?
    /// The name of the tool that is about to be used, or was.
    package var tool: String?
    /// The tool's arguments, as the program gives them.
    package var input: Value?
    /// The working directory of the program's session.
    package var directory: String?
    /// Of Notification.
    package var kind: String?
    package var message: String?
    /// Of StopFailure, the kind and the words of it.
    package var error: String?
    package var details: String?
    /// The sub-agent that it is about; nil for the program's main conversation.
    package var subagent: String?

    package init(_ event: String) { self.event = event }
}
