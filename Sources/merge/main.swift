import MergeCommand
import Tool

Main.run(MergeVerb.self)
