import Glibc
import SystemPackage

/// A regular file that is read a piece at a time, and closed when the value goes away.
package struct OpenFile: ~Copyable {
    private let descriptor: Int32
    private let path: FilePath

    /// Nil if there is none. Throws if it is anything else than a regular file.
    package init?(_ path: FilePath) throws {
        guard let descriptor = try Files.opened(path) else { return nil }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// In bytes. The C function is `lseek`.
    package func size() throws -> Int {
        let size = lseek(descriptor, 0, SEEK_END)
        guard size >= 0 else { throw Files.failure("read", path) }
        return Int(size)
    }

    /// Fills the buffer from this offset on and returns how many bytes there were, fewer than fit only at the end of
    /// the file. The C function is `pread`.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
        var done = 0
        while done < buffer.count {
            let n = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
            if n < 0, errno == EINTR { continue }
            guard n >= 0 else { throw Files.failure("read", path) }
            if n == 0 { break }
            done += n
        }
        return done
    }
}
