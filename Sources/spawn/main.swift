import CommandKit
import SpawnCommand

CommandRunner.run(SpawnVerb.self)
