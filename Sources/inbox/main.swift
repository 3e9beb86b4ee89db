import InboxCommand
import Tool

Main.run(InboxVerb.self)
