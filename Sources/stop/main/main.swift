import Tool
import VerbStop

Main.run(StopVerb.self)
