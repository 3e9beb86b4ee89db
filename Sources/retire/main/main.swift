import Tool
import VerbRetire

Main.run(RetireVerb.self)
