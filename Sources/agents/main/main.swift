import Tool
import VerbAgents

Main.run(AgentsVerb.self)
