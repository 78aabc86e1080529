import Configuration
import ShoalCore

/// The home's `config.json`: one JSON object (RFC 8259) whose names are settings.
struct SettingsFile: FileConfigSnapshot {
    /// There is nothing to choose.
    struct ParsingOptions: FileParsingOptions {
        static let `default` = ParsingOptions()
    }

    /// 64 KiB: some hundred times what all settings need.
    static let limit = 65_536

    let providerName: String
    private var contents: [Setting: ConfigContent] = [:]
    private var names: Set<String> = []

    init(data: RawSpan, providerName: String, parsingOptions: ParsingOptions) throws {
        self.providerName = providerName
        try self.read(data.withUnsafeBytes { Array($0) })
    }

    init(reading bytes: [UInt8]) throws(SettingsError) {
        self.providerName = "config.json"
        try self.read(bytes)
    }

    private mutating func read(_ bytes: [UInt8]) throws(SettingsError) {
        guard bytes.count <= Self.limit else {
            throw SettingsError("it has \(bytes.count) bytes, and \(Self.limit) are the most")
        }
        var reader = JSONReader(bytes)
        do {
            guard try reader.peek() == .object else { throw SettingsError("it is not a JSON object: { … }") }
            try reader.enterObject()
            while let name = try reader.nextName() { try self.read(name, &reader) }
            try reader.finish()
        } catch let error as JSONError {
            throw SettingsError("it is no JSON: \(error.problem) in line \(Self.line(of: error.offset, in: bytes))")
        } catch let error as SettingsError {
            throw error
        } catch {
            throw SettingsError("\(error)")
        }
    }

    private mutating func read(_ name: String, _ reader: inout JSONReader) throws {
        guard let setting = Setting(rawValue: name) else {
            let meant = Setting.meant(by: name).map { ": did you mean \"\($0.rawValue)\"?" }
            throw SettingsError("\"\(name)\" is no setting\(meant ?? "; `shoal config` shows all of them")")
        }
        guard self.names.insert(name).inserted else { throw SettingsError("\"\(name)\" is there twice") }
        let kind = try reader.peek()
        switch (kind, setting.form) {
        case (.null, _): try reader.readNull()
        case (.string, .text): self.contents[setting] = .string(try reader.readString())
        case (.number, .number):
            guard case .integer(let number) = try reader.readNumber() else { throw Self.mismatch(setting, kind) }
            self.contents[setting] = .string("\(number)")
        case (.string, .number):
            let text = try reader.readString()
            guard text == Settings.none else { throw Self.mismatch(setting, kind) }
            self.contents[setting] = .string(text)
        case (.array, .texts):
            var texts: [String] = []
            try reader.enterArray()
            while try reader.nextElement() {
                guard try reader.peek() == .string else { throw Self.mismatch(setting, try reader.peek()) }
                texts.append(try reader.readString())
            }
            self.contents[setting] = .stringArray(texts)
        default: throw Self.mismatch(setting, kind)
        }
    }

    private static func mismatch(_ setting: Setting, _ kind: JSONReader.Kind) -> SettingsError {
        SettingsError("\"\(setting.rawValue)\" is \(kind.rawValue), and has to be \(setting.form.rawValue)")
    }

    /// Counted from 1.
    private static func line(of offset: Int, in bytes: [UInt8]) -> Int {
        1 + bytes.prefix(offset).count { $0 == UInt8(ascii: "\n") }
    }

    // MARK: For the library

    func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        let name = key.components.joined(separator: ".")
        let content = Setting(rawValue: name).flatMap { self.contents[$0] }
        return LookupResult(encodedKey: name, value: content.map { ConfigValue($0, isSecret: false) })
    }

    var description: String { "\(self.providerName)[\(self.contents.count) values]" }
    var debugDescription: String { self.description }
}

/// What is wrong with what somebody configured, without the place.
struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
