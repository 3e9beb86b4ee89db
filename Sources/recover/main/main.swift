import Tool
import VerbRecover

Main.run(RecoverVerb.self)
