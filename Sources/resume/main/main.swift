import Tool
import VerbResume

Main.run(ResumeVerb.self)
