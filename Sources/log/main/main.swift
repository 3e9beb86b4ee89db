import Tool
import VerbLog

Main.run(LogVerb.self)
