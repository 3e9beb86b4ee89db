import Tool
import VerbMerge

Main.run(MergeVerb.self)
