import Tool
import VerbInbox

Main.run(InboxVerb.self)
