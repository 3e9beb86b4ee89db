import Tool
import VerbPrime

Main.run(PrimeVerb.self)
