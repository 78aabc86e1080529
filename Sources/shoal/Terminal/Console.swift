import Foundation

/// What people and scripts read: results on stdout, everything for people on stderr.
enum Console {
    /// A result, alone on its line.
    static func print(_ text: String) { self.write(text + "\n", to: .standardOutput) }

    /// Bytes that are the result themselves, such as a manifest.
    static func print(_ bytes: [UInt8]) {
        // Nobody is left to read it: there is nobody to tell either.
        try? FileHandle.standardOutput.write(contentsOf: Data(bytes))
    }

    /// A sentence for people.
    static func say(_ text: String) { self.write(text + "\n", to: .standardError) }

    static func draw(_ text: String) { self.write(text, to: .standardError) }

    private static func write(_ text: String, to handle: FileHandle) {
        // Nobody is left to read it: there is nobody to tell either.
        try? handle.write(contentsOf: Data(text.utf8))
    }
}
