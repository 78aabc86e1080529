import ShoalCore

/// Reads a manifest's values and names the field in every error. Field names are only put together for an error.
struct ManifestFields {
    private var json: CanonicalJSONReader

    init(json: CanonicalJSONReader) { self.json = json }

    mutating func integer(_ field: @autoclosure () -> String) throws(ManifestError) -> Int {
        do throws(CanonicalJSONError) { return try self.json.readInteger() } catch {
            throw ManifestError(field: field(), problem: error.problem)
        }
    }

    mutating func string(_ field: @autoclosure () -> String) throws(ManifestError) -> String {
        do throws(CanonicalJSONError) { return try self.json.readString() } catch {
            throw ManifestError(field: field(), problem: error.problem)
        }
    }

    mutating func digest(_ field: @autoclosure () -> String) throws(ManifestError) -> Digest {
        guard let digest = Digest(hex: try self.string(field())) else {
            throw ManifestError(field: field(), problem: "is not a SHA-256 in 64 lower-case hex digits")
        }
        return digest
    }

    /// A list of exactly three integers.
    mutating func triple(_ field: @autoclosure () -> String) throws(ManifestError) -> (Int, Int, Int) {
        func element() throws(ManifestError) -> Int {
            guard try self.nextElement(field()) else { throw Self.notATriple(field()) }
            return try self.integer(field())
        }
        try self.enterArray(field())
        let triple = (try element(), try element(), try element())
        guard try !self.nextElement(field()) else { throw Self.notATriple(field()) }
        return triple
    }

    mutating func enterArray(_ field: @autoclosure () -> String) throws(ManifestError) {
        do throws(CanonicalJSONError) { try self.json.enterArray() } catch {
            throw ManifestError(field: field(), problem: error.problem)
        }
    }

    mutating func nextElement(_ field: @autoclosure () -> String) throws(ManifestError) -> Bool {
        do throws(CanonicalJSONError) { return try self.json.nextElement() } catch {
            throw ManifestError(field: field(), problem: error.problem)
        }
    }

    mutating func enterObject(_ field: @autoclosure () -> String) throws(ManifestError) {
        do throws(CanonicalJSONError) { try self.json.enterObject() } catch {
            throw ManifestError(field: field(), problem: error.problem)
        }
    }

    mutating func nextKey(_ field: @autoclosure () -> String) throws(ManifestError) -> String? {
        do throws(CanonicalJSONError) { return try self.json.nextKey() } catch {
            throw ManifestError(field: field(), problem: error.problem)
        }
    }

    /// Steps to the member `expected` of the object `field`. Keys ascend, so a later one means that it is missing and an
    /// earlier one that it is not ours.
    mutating func key(_ expected: String, of field: @autoclosure () -> String) throws(ManifestError) {
        let found = try self.nextKey(field())
        if found == expected { return }
        if let found, found.utf16.lexicographicallyPrecedes(expected.utf16) {
            throw Self.unknownKey(found, of: field())
        }
        throw ManifestError(field: "\(field()).\(expected)", problem: "is missing")
    }

    /// Leaves the object `field`, which has no more members.
    mutating func leaveObject(_ field: @autoclosure () -> String) throws(ManifestError) {
        if let found = try self.nextKey(field()) { throw Self.unknownKey(found, of: field()) }
    }

    static func unknownKey(_ key: String, of field: String) -> ManifestError {
        ManifestError(
            field: (field.isEmpty ? "" : field + ".") + self.printable(key),
            problem: "is not a key of manifest version \(Manifest.version)"
        )
    }

    /// A key that a stranger chose, fit for a terminal: at most `limit` bytes, of which all but `!`–`~` are `?`.
    static func printable(_ key: String, limit: Int = 64) -> String {
        String(
            decoding: key.utf8.prefix(limit).map { (0x21...0x7E).contains($0) ? $0 : UInt8(ascii: "?") },
            as: UTF8.self
        )
    }

    private static func notATriple(_ field: String) -> ManifestError {
        ManifestError(field: field, problem: "is not a list of three integers")
    }
}
