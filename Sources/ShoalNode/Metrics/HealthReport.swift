/// Whether a node does what it is for; `/health` answers with it as it is. The members are those of the draft
/// `draft-inadarei-api-health-check`.
package struct HealthReport: Hashable, Codable, Sendable {
    package enum Status: String, Codable, Sendable {
        case pass
        /// It works, and somebody should have a look.
        case warn
        case fail
    }

    package struct Check: Hashable, Codable, Sendable {
        package var status: Status
        /// What is wrong, and what to do.
        package var output: String?
        package var observedValue: Double?
        package var observedUnit: String?

        static let pass = Check(status: .pass)
    }

    package var status: Status
    /// Implementation and version.
    package var releaseId: String
    /// The node's ID.
    package var serviceId: String
    /// `loop`, `models`, `trackers`, `cache`.
    package var checks: [String: [Check]]

    init(releaseId: String, serviceId: String, checks: [String: Check]) {
        let all = checks.values.map(\.status)
        self.status = all.contains(.fail) ? .fail : all.contains(.warn) ? .warn : .pass
        self.releaseId = releaseId
        self.serviceId = serviceId
        self.checks = checks.mapValues { [$0] }
    }
}
