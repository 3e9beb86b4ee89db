import Tool
import VerbHook

Main.run(HookVerb.self)
