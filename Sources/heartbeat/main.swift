import CommandKit
import HeartbeatCommand

Main.run(HeartbeatVerb.self)
