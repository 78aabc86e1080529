import Foundation
import Testing

/// A small file system of its own in a file, mounted for one test. Only root can, and only where the system has loop devices.
final class LoopDisk: Sendable {
    /// What to say where there is none.
    static let requirement: Comment = "needs root, mkfs.ext4 and a loop device"

    /// Found out by mounting one.
    static let isAvailable: Bool = {
        guard getuid() == 0 else { return false }
        return (try? LoopDisk(megabytes: 4)) != nil
    }()

    let path: String
    private let image: String
    private let folder: TemporaryFolder

    init(megabytes: Int, options: [String] = []) throws {
        self.folder = try TemporaryFolder()
        self.path = self.folder("mounted")
        let image = self.folder("image")
        self.image = image
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: false)
        _ = FileManager.default.createFile(atPath: image, contents: nil)
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: image))
        try file.truncate(atOffset: UInt64(megabytes) << 20)
        try file.close()
        try Self.run("mkfs.ext4", ["-q", "-F", "-m", "0"] + options + [image])
        try Self.run("mount", ["-o", "loop", image, self.path])
    }

    deinit {
        // Lazily: a test that failed may still have files open. The loop device goes with the mount.
        try? Self.run("umount", ["-l", self.path])
    }

    /// Read-only from now on, under files that are open for writing, as after an error of the disk.
    func abort() throws { try Self.run("mount", ["-o", "remount,abort", self.path]) }

    /// Mounts it anew. No file on it may be open.
    func mend() throws {
        try Self.run("umount", [self.path])
        try Self.run("mount", ["-o", "loop", self.image, self.path])
    }

    private static func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        // mkfs lies in a folder that not everybody's path has.
        process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
    }
}
