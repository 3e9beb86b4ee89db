import CommandKit
import InboxCommand

CommandRunner.run(InboxVerb.self)
