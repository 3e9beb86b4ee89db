import Tool
import VerbHandoff

Main.run(HandoffVerb.self)
