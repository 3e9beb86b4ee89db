import ClaimCommand
import CommandKit

Main.run(ClaimVerb.self)
