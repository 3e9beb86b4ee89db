import Tool
import VerbCost

Main.run(CostVerb.self)
