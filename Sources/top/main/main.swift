import Tool
import VerbTop

Main.run(TopVerb.self)
