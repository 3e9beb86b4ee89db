import Tool
import VerbCompletions

Main.run(CompletionsVerb.self)
