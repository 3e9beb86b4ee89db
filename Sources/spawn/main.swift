import CommandKit
import SpawnCommand

Main.run(SpawnVerb.self)
