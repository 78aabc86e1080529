import Configuration
import Foundation
import Synchronization
import SystemPackage

/// Finds what is configured: what stands on the command line goes before the environment, and that before the file.
struct SettingsReader {
    /// In the order in which they count.
    enum Origin: Int, CaseIterable, Sendable {
        case commandLine
        case environment
        case file
    }

    struct Finding {
        let origin: Origin
        let content: ConfigContent
    }

    /// Of the file.
    let path: String
    /// The home's, which the file's own paths begin in.
    let home: String
    private let providers: [any ConfigProvider]

    /// - Parameters:
    ///   - home: its absolute path; the home need not be there.
    ///   - options: what the command line says.
    /// - Throws: ``CommandError`` that names the file and what is wrong with it.
    init(home: String, environment: [String: String], options: [Setting: ConfigContent]) async throws {
        self.home = home
        self.path = URL(filePath: home).appending(component: "config.json").path
        let values = options.map { (AbsoluteConfigKey($0.key), ConfigValue($1, isSecret: false)) }
        // A variable that is empty counts as none, as `SHOAL_HOME` does.
        let variables = environment.filter { !$0.value.isEmpty }
        self.providers = [
            InMemoryProvider(name: "command line", values: Dictionary(uniqueKeysWithValues: values)),
            EnvironmentVariablesProvider(environmentVariables: variables).prefixKeys(with: ConfigKey(["shoal"])),
            try await Self.file(self.path),
        ]
    }

    private static func file(_ path: String) async throws -> FileProvider<SettingsFile> {
        do {
            try self.checkFile(path)
            return try await FileProvider<SettingsFile>(filePath: FilePath(path), allowMissing: true)
        } catch {
            throw CommandError("\(path): \(error)")
        }
    }

    /// The library reads whatever is there, a pipe without an end as well.
    private static func checkFile(_ path: String) throws(SettingsError) {
        let attributes = try? FileManager.default.attributesOfItem(
            atPath: URL(filePath: path).resolvingSymlinksInPath().path
        )
        guard let attributes else { return }
        guard attributes[.type] as? FileAttributeType == .typeRegular else { throw SettingsError("it is no file") }
        let size = (attributes[.size] as? NSNumber)?.intValue ?? 0
        guard size <= SettingsFile.limit else {
            throw SettingsError("it has \(size) bytes, and \(SettingsFile.limit) are the most")
        }
    }

    /// What is configured of a setting, and where; nil when nothing is.
    func find(_ setting: Setting) throws(CommandError) -> Finding? {
        let lookups = Lookups()
        let reader = ConfigReader(providers: self.providers, accessReporter: lookups)
        switch setting.form {
        case .text, .number: _ = reader.string(forKey: setting.key)
        case .texts: _ = reader.stringArray(forKey: setting.key)
        }
        for (origin, result) in zip(Origin.allCases, lookups.last) {
            switch result.result {
            case .failure:
                throw CommandError("\(self.place(of: setting, origin)) has to be \(setting.form.rawValue)")
            case .success(let found):
                if let value = found.value { return Finding(origin: origin, content: value.content) }
            }
        }
        return nil
    }

    /// As people look for it.
    func place(of setting: Setting, _ origin: Origin) -> String {
        switch origin {
        case .commandLine: setting.option
        case .environment: "$\(setting.variable)"
        case .file: "\(self.path): \"\(setting.rawValue)\""
        }
    }
}

/// What each source answered to the last question.
private final class Lookups: AccessReporter {
    private let results = Mutex<[AccessEvent.ProviderResult]>([])

    var last: [AccessEvent.ProviderResult] { self.results.withLock(\.self) }

    func report(_ event: AccessEvent) { self.results.withLock { $0 = event.providerResults } }
}
