import Tool
import VerbSupervise

Main.run(SuperviseVerb.self)
