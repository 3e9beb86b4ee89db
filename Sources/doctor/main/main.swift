import Tool
import VerbDoctor

Main.run(DoctorVerb.self)
