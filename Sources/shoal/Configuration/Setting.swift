import Configuration

/// What a node can be told at its start, under one name on the command line, in the environment and in the home's
/// `config.json`.
enum Setting: String, CaseIterable, Sendable {
    case trackers
    case tlsCA = "tls-ca"
    case bind
    case uploadLimit = "upload-limit"
    case downloadLimit = "download-limit"
    case uploadLimitPerPeer = "upload-limit-per-peer"
    case downloadLimitPerPeer = "download-limit-per-peer"
    case uploadSlots = "upload-slots"
    case replicate
    case directLane = "direct-lane"
    case metricsPort = "metrics-port"
    case logLevel = "log-level"

    /// What its value is in the file.
    enum Form: String, Sendable {
        case text = "a text in quotes"
        case texts = "a list of texts, such as [\"ws://tracker:8000\"]"
        /// Or that there is none.
        case number = "a whole number, or \"none\""
    }

    var form: Form {
        switch self {
        case .trackers: .texts
        case .uploadSlots, .directLane, .metricsPort: .number
        case .tlsCA, .bind, .uploadLimit, .downloadLimit, .uploadLimitPerPeer, .downloadLimitPerPeer, .replicate,
            .logLevel:
            .text
        }
    }

    var key: ConfigKey { ConfigKey([self.rawValue]) }

    /// Its name in the environment: `SHOAL_UPLOAD_LIMIT`.
    var variable: String { Self.variablePrefix + self.rawValue.uppercased().replacing("-", with: "_") }

    static let variablePrefix = "SHOAL_"

    /// On the command line, where trackers are given one by one.
    var option: String { self == .trackers ? "--tracker" : "--\(self.rawValue)" }

    /// The setting that somebody may have meant, when a name is close enough to one.
    static func meant(by name: String) -> Setting? {
        let name = name.lowercased().replacing("_", with: "-")
        let nearest = Self.allCases.map { ($0, Spelling.distance($0.rawValue, name)) }.min { $0.1 < $1.1 }
        guard let (setting, distance) = nearest, distance <= max(2, setting.rawValue.count / 3) else { return nil }
        return setting
    }
}

extension Setting {
    /// Says which variables look as if they were meant for us and are not. What other programs call theirs is their business.
    static func warnOfMistakes(in environment: [String: String]) {
        for name in environment.keys.sorted() where name.hasPrefix(self.variablePrefix) && name != "SHOAL_HOME" {
            guard !self.allCases.contains(where: { $0.variable == name }) else { continue }
            guard let meant = self.meant(by: String(name.dropFirst(self.variablePrefix.count))) else { continue }
            Console.say("warning: $\(name) is no setting: did you mean $\(meant.variable)?")
        }
    }
}

/// How far two words are from one another.
enum Spelling {
    /// The least number of letters to insert, leave out or change (Levenshtein, 1966).
    static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8.prefix(64))
        let right = Array(right.utf8.prefix(64))
        var row = Array(0...right.count)
        for (number, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = number + 1
            for (position, other) in right.enumerated() {
                let change = diagonal + (letter == other ? 0 : 1)
                diagonal = row[position + 1]
                row[position + 1] = min(change, row[position] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
