import ClaimCommand
import Tool

Main.run(ClaimVerb.self)
