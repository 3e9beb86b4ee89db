import Tool
import VerbUp

Main.run(UpVerb.self)
