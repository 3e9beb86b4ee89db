import Tool
import VerbClaim

Main.run(ClaimVerb.self)
