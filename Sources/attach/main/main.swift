import Tool
import VerbAttach

Main.run(AttachVerb.self)
