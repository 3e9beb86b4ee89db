import Tool
import VerbPlan

Main.run(PlanVerb.self)
