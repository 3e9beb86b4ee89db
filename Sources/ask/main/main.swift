import Tool
import VerbAsk

Main.run(AskVerb.self)
