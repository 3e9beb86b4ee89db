import Tool
import VerbDiff

Main.run(DiffVerb.self)
