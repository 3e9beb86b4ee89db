import Tool
import VerbHeartbeat

Main.run(HeartbeatVerb.self)
