/// What a program tells its hook, as far as it is asked about.
package struct HookCall {
    package var event: String
    package var conversation: String?
    package var transcript: String?
    /// Of SessionStart: startup, resume, clear or compact.
    package var source: String?
    package var tool: String?
    /// What the tool is to be used on, as the program has it.
    package var input: Value?
    /// Where.
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
