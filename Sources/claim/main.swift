import ClaimCommand
import CommandKit

CommandRunner.run(ClaimVerb.self)
