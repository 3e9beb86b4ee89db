import CommandKit
import MergeCommand

Main.run(MergeVerb.self)
