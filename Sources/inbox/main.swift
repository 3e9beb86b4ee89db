import CommandKit
import InboxCommand

Main.run(InboxVerb.self)
