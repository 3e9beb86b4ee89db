import Tool
import VerbPath

Main.run(PathVerb.self)
