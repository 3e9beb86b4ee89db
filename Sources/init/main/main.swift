import Tool
import VerbInit

Main.run(InitVerb.self)
