import CommandKit
import HeartbeatCommand

CommandRunner.run(HeartbeatVerb.self)
