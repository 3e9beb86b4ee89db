/// At its start the Swift runtime looks in eight places beside the executable for the program that prints the trace of
/// a crash. None is installed with cadre, so the linker has it ask here (Package.swift); one that `SWIFT_BACKTRACE`
/// names is used all the same.
@_cdecl("__wrap_swift_copyAuxiliaryExecutablePath")
package func auxiliaryExecutablePath(_ name: UnsafePointer<CChar>?) -> UnsafePointer<CChar>? { nil }
