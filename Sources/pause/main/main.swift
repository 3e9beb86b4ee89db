import Tool
import VerbPause

Main.run(PauseVerb.self)
