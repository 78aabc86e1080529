import Foundation

/// What people and scripts read: results on stdout, everything for people on stderr.
enum Console {
    /// A result, alone on its line.
    static func print(_ text: String) throws { try self.print(Array((text + "\n").utf8)) }

    /// Bytes that are the result themselves, such as a manifest. A result that cannot be written is a failure, unless
    /// its reader has simply seen enough.
    static func print(_ bytes: [UInt8]) throws {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(bytes))
        } catch {
            guard errno != EPIPE else { return }
            throw CommandError("the result could not be written: \(String(cString: strerror(errno)))")
        }
    }

    /// A value as one line of JSON, its members in alphabetical order.
    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// A sentence for people.
    static func say(_ text: String) { self.draw(text + "\n") }

    static func draw(_ text: String) {
        // Nobody is left to read it: there is nobody to tell either.
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
