import Foundation

/// A small file system of its own in a file, mounted for one test. Only root can, and only where the system has loop devices.
package final class LoopDisk: Sendable {
    /// What to say where there is none.
    package static let requirement = "needs root, mkfs.ext4 and a loop device"

    /// Found out by mounting one.
    package static let isAvailable: Bool = {
        guard getuid() == 0 else { return false }
        return (try? LoopDisk(megabytes: 4)) != nil
    }()

    package let path: String
    private let image: String
    private let folder: TemporaryFolder

    package init(megabytes: Int, options: [String] = []) throws {
        self.folder = try TemporaryFolder()
        self.path = self.folder("mounted")
        let image = self.folder("image")
        self.image = image
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: false)
        _ = FileManager.default.createFile(atPath: image, contents: nil)
        let file = try FileHandle(forWritingTo: URL(filePath: image))
        try file.truncate(atOffset: UInt64(megabytes) << 20)
        try file.close()
        try Self.run("mkfs.ext4", ["-q", "-F", "-m", "0"] + options + [image])
        try Self.run("mount", ["-o", "loop", image, self.path])
    }

    deinit {
        // Lazily: a test that failed may still have files open. The loop device goes with the mount.
        try? Self.run("umount", ["-l", self.path])
    }

    /// Takes all room but `rest` bytes, in a file whose path it returns. Others may take some of it at the same time.
    package func fill(leaving rest: Int) throws -> String {
        let attributes = try FileManager.default.attributesOfFileSystem(forPath: self.path)
        let available = (attributes[.systemFreeSize] as? NSNumber)?.intValue ?? 0
        let path = "\(self.path)/filler"
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        defer { file.closeFile() }
        let piece = 64 << 10
        for start in stride(from: 0, to: available - rest, by: piece) {
            do {
                try file.write(contentsOf: Data(repeating: 0xF1, count: min(piece, available - rest - start)))
            } catch {
                // It is full already.
                break
            }
        }
        return path
    }

    /// Read-only from now on, under files that are open for writing, as after an error of the disk.
    package func abort() throws { try Self.run("mount", ["-o", "remount,abort", self.path]) }

    /// Mounts it anew. No file on it may be open.
    package func mend() throws {
        try Self.run("umount", [self.path])
        try Self.run("mount", ["-o", "loop", self.image, self.path])
    }

    private static func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
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
