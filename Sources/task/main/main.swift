import Tool
import VerbTask

Main.run(TaskVerb.self)
