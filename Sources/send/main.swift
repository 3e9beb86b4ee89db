import CommandKit
import SendCommand

Main.run(SendVerb.self)
