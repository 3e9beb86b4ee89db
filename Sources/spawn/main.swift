import SpawnCommand
import Tool

Main.run(SpawnVerb.self)
