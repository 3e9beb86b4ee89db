import Tool
import VerbStatus

Main.run(StatusVerb.self)
