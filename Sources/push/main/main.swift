import Tool
import VerbPush

Main.run(PushVerb.self)
