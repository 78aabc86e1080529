import Configuration
import Foundation
import ShoalNode
import ShoalSignaling
import ShoalSwarm
import TestSupport
import Testing

@testable import ShoalCommand

/// The home's file, the environment, and which of them counts.
struct SettingsTests {
    private func problem(_ text: String) -> String? {
        do throws(SettingsError) {
            _ = try SettingsFile(reading: Array(text.utf8))
            return nil
        } catch {
            return error.description
        }
    }

    @Test(arguments: [
        "{}", " {\n} ", #"{"trackers": []}"#,
        #"{"trackers": ["ws://a:1", "wss://b"], "upload-slots": 3, "bind": null, "metrics-port": "none"}"#,
    ])
    func `a file of settings is read`(text: String) { #expect(self.problem(text) == nil) }

    @Test(arguments: [
        ("", "it is no JSON: the text ends too early in line 1"), ("[]", "it is not a JSON object"),
        ("{} {}", "it is no JSON"),
        ("{\n\"bind\": \"a\",\n}", "it is no JSON: an object needs a name in quotes in line 3"),
        (#"{"bind": 5}"#, #""bind" is a number, and has to be a text in quotes"#),
        (#"{"bind": ["a"]}"#, #""bind" is an array, and has to be a text in quotes"#),
        (#"{"trackers": "ws://a"}"#, #""trackers" is a string, and has to be a list of texts"#),
        (#"{"trackers": ["ws://a", true]}"#, #""trackers" is true or false, and has to be a list of texts"#),
        (#"{"upload-slots": "3"}"#, #""upload-slots" is a string, and has to be a whole number"#),
        (#"{"upload-slots": 3.5}"#, #""upload-slots" is a number, and has to be a whole number"#),
        (#"{"bind": "a", "bind": "b"}"#, #""bind" is there twice"#),
        (#"{"bind": null, "bind": "b"}"#, #""bind" is there twice"#),
        (#"{"uplod-limit": "2MB"}"#, #""uplod-limit" is no setting: did you mean "upload-limit"?"#),
        (#"{"UPLOAD_LIMIT": "2MB"}"#, #"did you mean "upload-limit"?"#),
        (#"{"tracker": []}"#, #"did you mean "trackers"?"#),
        (#"{"colour": "red"}"#, #""colour" is no setting; `shoal config` shows all of them"#),
    ])
    func `what is wrong with a file is said by name or by line`(text: String, problem: String) {
        #expect(self.problem(text)?.contains(problem) == true, "\(self.problem(text) ?? "nothing is wrong")")
    }

    @Test func `a file larger than its bound is refused`() {
        let text = #"{"bind": ""# + String(repeating: "1", count: SettingsFile.limit) + #""}"#
        #expect(self.problem(text)?.contains("65536 are the most") == true)
    }

    @Test(arguments: [
        ("", "", 0), ("a", "", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("bind", "bind", 0), ("ab", "ba", 2),
    ])
    func `the distance of words is how many letters differ`(left: String, right: String, distance: Int) {
        #expect(Spelling.distance(left, right) == distance)
        #expect(Spelling.distance(right, left) == distance)
    }

    @Test(arguments: Setting.allCases)
    func `each source counts before the next, for every setting`(setting: Setting) async throws {
        let folder = try TemporaryFolder()
        let quoted = ["file", "environment"].map { setting.form == .number ? "\($0.count)" : "\"\($0)\"" }
        let value = setting.form == .texts ? "[\(quoted[0])]" : quoted[0]
        _ = try folder.write("config.json", Array("{\"\(setting.rawValue)\": \(value)}".utf8))
        let environment = [setting.variable: quoted[1].replacing("\"", with: "")]
        let option: ConfigContent =
            switch setting.form {
            case .text, .number: .string("option")
            case .texts: .stringArray(["option"])
            }
        func origin(_ environment: [String: String], _ options: [Setting: ConfigContent]) async throws -> Int? {
            let reader = try await SettingsReader(home: folder.url.path, environment: environment, options: options)
            let finding = try reader.find(setting)
            if finding?.origin == .commandLine { #expect(finding?.content == option) }
            return finding?.origin.rawValue
        }
        #expect(try await origin(environment, [setting: option]) == 0)
        #expect(try await origin(environment, [:]) == 1)
        #expect(try await origin([setting.variable: ""], [:]) == 2)
        try FileManager.default.removeItem(atPath: folder("config.json"))
        #expect(try await origin([:], [:]) == nil)
    }

    @Test func `what the file says becomes what the node starts with`() async throws {
        let folder = try TemporaryFolder()
        let text = """
            {
                "trackers": ["ws://127.0.0.1:1", "wss://tracker.example"], "bind": "127.0.0.1",
                "upload-limit": "2MB", "download-limit": "3MB", "upload-limit-per-peer": "512KiB",
                "download-limit-per-peer": "256KiB", "upload-slots": 4, "replicate": "20GB", "log-level": "debug",
                "metrics-port": 9464, "tls-ca": "authority.pem", "direct-lane": 4001
            }
            """
        _ = try folder.write("config.json", Array(text.utf8))
        let settings = try Settings(try await SettingsReader(home: folder.url.path, environment: [:], options: [:]))
        let configuration = try settings.configuration()
        #expect(configuration.trackers.map(\.description) == ["ws://127.0.0.1:1", "wss://tracker.example"])
        #expect(configuration.bindAddress == "127.0.0.1")
        #expect(configuration.mesh.limits.upload.total == 2_000_000)
        #expect(configuration.mesh.limits.upload.perPeer == 524_288)
        #expect(configuration.mesh.limits.download.total == 3_000_000)
        #expect(configuration.mesh.limits.download.perPeer == 262_144)
        #expect(configuration.mesh.limits.uploadSlots == 4)
        #expect(configuration.replicationBudget == 20_000_000_000)
        #expect(settings.logLevel == .debug)
        #expect(settings.metricsPort == 9464)
        #expect(configuration.directLanePort == 4001)
        // A path in the file is one of the home's, wherever a command is run.
        #expect(configuration.trackerAuthority == folder("authority.pem"))
        #expect(throws: CommandError.self) { try settings.probe() }
        try folder.write("authority.pem", Array("some authority".utf8))
        try settings.probe()
    }

    @Test func `what the file says can be undone for once`() async throws {
        let folder = try TemporaryFolder()
        let text = """
            {
                "bind": "127.0.0.1", "upload-limit": "2MB", "download-limit": "3MB", "upload-limit-per-peer": "512KiB",
                "download-limit-per-peer": "256KiB", "upload-slots": 4, "replicate": "20GB", "metrics-port": 9464,
                "tls-ca": "authority.pem", "direct-lane": 4001
            }
            """
        _ = try folder.write("config.json", Array(text.utf8))
        let others = Setting.allCases.filter { $0 != .trackers && $0 != .logLevel }
        let variables = Dictionary(uniqueKeysWithValues: others.map { ($0.variable, "none") })
        let settings = try Settings(
            try await SettingsReader(home: folder.url.path, environment: variables, options: [:])
        )
        let configuration = try settings.configuration()
        #expect(configuration.bindAddress == nil && configuration.trackerAuthority == nil)
        #expect(configuration.mesh.limits == TransferLimits())
        #expect(configuration.replicationBudget == nil && settings.metricsPort == nil)
        #expect(configuration.directLanePort == nil)
    }
}
