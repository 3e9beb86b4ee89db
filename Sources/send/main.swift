import SendCommand
import Tool

Main.run(SendVerb.self)
