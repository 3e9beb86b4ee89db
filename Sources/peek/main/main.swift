import Tool
import VerbPeek

Main.run(PeekVerb.self)
