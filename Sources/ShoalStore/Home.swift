import Foundation
import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// The folder of one node, held by one process at a time.
///
/// The lock is `flock` on `<home>/lock`: the kernel lets go of it when the process ends, however it ends. The process
/// ID in the file is for the message only.
package final class Home: Sendable {
    /// Absolute.
    package let path: String
    private let lock: Mutex<Descriptor?>

    /// Makes the folder when it is missing (mode 0700) and takes the lock.
    package init(path: String) throws(StoreError) {
        let path = Self.absolute(path)
        try Folder.create(path)
        let lock: Descriptor
        do throws(StoreError) {
            lock = try Descriptor.open("\(path)/lock", O_RDWR | O_CREAT, mode: 0o600)
        } catch {
            throw StoreError(error.code, "cannot use \(path) as Shoal's home: \(error.message)", cause: error)
        }
        guard flock(lock.number, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else { throw .system("flock", lock.path, errno) }
            throw Self.held(path, lock)
        }
        try lock.truncate(to: 0)
        try lock.write(Array("\(getpid())\n".utf8), at: 0)
        self.path = path
        self.lock = Mutex(lock)
    }

    deinit { self.close() }

    /// Lets another process have the home. Harmless when repeated.
    package func close() {
        let lock = self.lock.withLock { held in
            defer { held = nil }
            return held
        }
        guard let lock else { return }
        // The process ID is only a courtesy; the lock itself goes with the descriptor.
        try? lock.truncate(to: 0)
        flock(lock.number, LOCK_UN)
    }

    /// Makes the folder of the home at `path`, which is absolute, when it is missing (mode 0700); takes no lock.
    package static func makeFolder(_ path: String) throws(StoreError) { try Folder.create(path) }

    /// The path that a home given as `path` has.
    package static func absolute(_ path: String) -> String {
        var path = path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    /// The process that holds the home at `path`, as far as the lock's file tells; nil when nobody seems to.
    package static func holder(of path: String) -> Int32? {
        // Only to explain why no node answers: what cannot be read is left out.
        guard let text = try? String(contentsOfFile: "\(self.absolute(path))/lock", encoding: .utf8),
            let process = pid_t(text.trimmingCharacters(in: .newlines)), process > 0
        else { return nil }
        return kill(process, 0) == 0 || errno == EPERM ? process : nil
    }

    /// The holder writes its process ID just after it took the lock: until then the file is empty or names the last
    /// holder, so an answer that cannot be right is asked for again, five times in 100 ms.
    private static func held(_ path: String, _ lock: Descriptor) -> StoreError {
        var holder = "another Shoal"
        for attempt in 0..<5 {
            if attempt > 0 { usleep(20_000) }
            // Unreadable is the same as empty: the message does without the number.
            let text = String(decoding: (try? lock.bytes(at: 0, count: 20)) ?? [], as: UTF8.self)
            guard let process = pid_t(text.trimmingCharacters(in: .newlines)), process > 0 else { continue }
            holder = "another Shoal (process \(process))"
            if kill(process, 0) == 0 || errno == EPERM { break }
        }
        return StoreError(.locked, "\(holder) holds \(path): stop it, or choose another folder with --home")
    }
}
