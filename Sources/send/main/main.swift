import Tool
import VerbSend

Main.run(SendVerb.self)
