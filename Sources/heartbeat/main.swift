import HeartbeatCommand
import Tool

Main.run(HeartbeatVerb.self)
