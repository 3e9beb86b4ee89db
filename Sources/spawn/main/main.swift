import Tool
import VerbSpawn

Main.run(SpawnVerb.self)
