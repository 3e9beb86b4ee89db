import CommandKit
import MergeCommand

CommandRunner.run(MergeVerb.self)
