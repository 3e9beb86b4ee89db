import CommandKit
import SendCommand

CommandRunner.run(SendVerb.self)
