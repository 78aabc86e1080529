import ShoalCore
import ShoalSwarm

extension Scenario {
    /// Most nodes of a scenario: 20,000, twice what the growth table needs.
    package static let nodeLimit = 20_000

    /// Most faults, those of `every` counted one by one.
    package static let faultLimit = 10_000

    /// The scenario that a person wrote down: a line for each thing, `#` before what is not meant for us
    /// (`docs/simulation.md` has every line).
    package init(reading text: String) throws(ScenarioError) {
        self.init()
        var number = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            number += 1
            let meant = line.prefix { $0 != "#" }
            guard meant.contains(where: { $0 != " " && $0 != "\t" && $0 != "\r" }) else { continue }
            var fields = try ScenarioFields(meant, line: number)
            try self.read(&fields)
            try fields.finish()
        }
        try self.check()
        self.faults = self.faults.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
    }

    private mutating func read(_ fields: inout ScenarioFields) throws(ScenarioError) {
        let directive = try fields.word("the first word")
        switch directive {
        case "shards": try self.readShards(&fields)
        case "manifest":
            self.manifestSize = try fields.required("size", ScenarioValue.sizeForm, ScenarioValue.size)
        case "nodes": try self.readNodes(&fields)
        case "tracker": try self.readTracker(&fields)
        case "at":
            let moment = try Self.duration(fields.word("when"), &fields)
            self.faults.append(Fault(at: moment, kind: try Self.readFault(&fields), line: fields.line))
        case "every": try self.readEvery(&fields)
        case "limit": self.limit = try Self.duration(fields.word("a time"), &fields)
        case "expect": try self.readExpectation(&fields)
        default:
            throw fields.error(
                "\"\(directive)\" begins no line: shards, manifest, nodes, tracker, at, every, limit or expect does"
            )
        }
    }

    private static func duration(_ text: String, _ fields: inout ScenarioFields) throws(ScenarioError) -> Duration {
        guard let duration = ScenarioValue.duration(text) else {
            throw fields.error("\(text) is not \(ScenarioValue.durationForm)")
        }
        return duration
    }

    private mutating func readShards(_ fields: inout ScenarioFields) throws(ScenarioError) {
        let count = try fields.required("count", "a number", ScenarioValue.count)
        let size = try fields.required("size", ScenarioValue.sizeForm, ScenarioValue.size)
        guard (1...Cutting.maximumShardSize).contains(size) else { throw fields.error("a shard has 1 B to 64 MiB") }
        guard self.shardSizes.count + count <= Cutting.maximumShardCount else {
            throw fields.error("more than \(Cutting.maximumShardCount) shards")
        }
        self.shardSizes += [Int](repeating: size, count: count)
    }

    private mutating func readNodes(_ fields: inout ScenarioFields) throws(ScenarioError) {
        let name = try fields.word("the group's name")
        guard !self.groups.contains(where: { $0.name == name }) else { throw fields.error("\(name) is there twice") }
        var group = Group(name: name, count: try fields.required("count", "a number", ScenarioValue.count))
        if let scales = try fields.value("scale", "yes or no", ScenarioValue.decision) { group.scales = scales }
        if let up = try fields.value("up", ScenarioValue.rateForm, ScenarioValue.rate) { group.up = up }
        if let down = try fields.value("down", ScenarioValue.rateForm, ScenarioValue.rate) { group.down = down }
        group.limits = try Self.readLimits(&fields)
        if let latency = try fields.value("latency", ScenarioValue.rangeForm, ScenarioValue.range) {
            group.latency = latency
        }
        if let jitter = try fields.value("jitter", ScenarioValue.durationForm, ScenarioValue.duration) {
            group.jitter = jitter
        }
        if let loss = try fields.value("loss", ScenarioValue.shareForm, ScenarioValue.share) {
            guard loss <= 500_000 else { throw fields.error("loss is at most 50%") }
            group.loss = loss
        }
        if let disk = try fields.value("disk", ScenarioValue.sizeForm, ScenarioValue.size) { group.disk = disk }
        if let start = try fields.value("start", ScenarioValue.rangeForm, ScenarioValue.range) { group.start = start }
        group.holds = try fields.value("holds", "all, none or a share such as 20%", Self.holdings) ?? .none
        group.conduct = try Self.readConduct(&fields)
        self.groups.append(group)
    }

    /// What is not there is not limited.
    static func readLimits(_ fields: inout ScenarioFields) throws(ScenarioError) -> TransferLimits {
        var limits = TransferLimits()
        let form = ScenarioValue.rateForm
        limits.upload.total = try fields.value("upload-limit", form, ScenarioValue.rate) ?? nil
        limits.upload.perPeer = try fields.value("upload-limit-per-peer", form, ScenarioValue.rate) ?? nil
        limits.download.total = try fields.value("download-limit", form, ScenarioValue.rate) ?? nil
        limits.download.perPeer = try fields.value("download-limit-per-peer", form, ScenarioValue.rate) ?? nil
        return limits
    }

    private static func holdings(_ text: String) -> Holdings? {
        switch text {
        case "all": .all
        case "none": Holdings.none
        default: ScenarioValue.share(text).map(Holdings.some)
        }
    }

    private static func readConduct(_ fields: inout ScenarioFields) throws(ScenarioError) -> Conduct {
        let wrong = try fields.value("wrong", ScenarioValue.shareForm, ScenarioValue.share)
        let hashLists = try fields.value("wrong-hashes", "yes or no", ScenarioValue.decision)
        let name = fields.text("conduct") ?? "honest"
        if name == "poisoning" { return .poisoning(share: wrong ?? 1_000_000, hashLists: hashLists ?? false) }
        guard wrong == nil, hashLists == nil else { throw fields.error("only conduct=poisoning sends what is wrong") }
        switch name {
        case "honest": return .honest
        case "boasting": return .boasting
        case "hiding": return .hiding
        case "flooding": return .flooding
        case "withholding": return .withholding
        case "mute": return .mute
        default:
            throw fields.error(
                "conduct=\(name) is none of honest, poisoning, boasting, hiding, flooding, withholding, mute"
            )
        }
    }

    private mutating func readTracker(_ fields: inout ScenarioFields) throws(ScenarioError) {
        if let count = try fields.value("count", "a number", ScenarioValue.count) { self.trackers.count = count }
        if let interval = try fields.value("interval", ScenarioValue.durationForm, ScenarioValue.duration) {
            self.trackers.interval = interval
        }
        if let latency = try fields.value("latency", ScenarioValue.durationForm, ScenarioValue.duration) {
            self.trackers.latency = latency
        }
        if let share = try fields.value("duplicate", ScenarioValue.shareForm, ScenarioValue.share) {
            self.trackers.duplication = share
        }
    }

    private mutating func readExpectation(_ fields: inout ScenarioFields) throws(ScenarioError) {
        let what = try fields.word("what is expected")
        switch what {
        case "complete":
            let form = ScenarioValue.durationForm
            self.expectations.completion = try fields.required("within", form, ScenarioValue.duration)
        case "waste":
            self.expectations.waste = try fields.required("at-most", ScenarioValue.shareForm, ScenarioValue.share)
        case "wrong":
            self.expectations.wrong = try fields.required("at-most", ScenarioValue.shareForm, ScenarioValue.share)
        case "control":
            let form = ScenarioValue.rateForm
            self.expectations.control = try fields.required("at-most", form) { ScenarioValue.rate($0) ?? nil }
        case "failures":
            self.expectations.failures = try fields.required("count", "a number", ScenarioValue.count)
        default: throw fields.error("\"\(what)\" cannot be expected: complete, waste, wrong, control and failures can")
        }
    }

    private func check() throws(ScenarioError) {
        guard !self.shardSizes.isEmpty else { throw ScenarioError(line: 0, message: "there are no shards") }
        guard (1...Self.nodeLimit).contains(self.nodeCount) else {
            throw ScenarioError(line: 0, message: "a scenario has 1 to \(Self.nodeLimit) nodes, not \(self.nodeCount)")
        }
        for fault in self.faults {
            for name in fault.groups where !self.groups.contains(where: { $0.name == name }) {
                throw ScenarioError(line: fault.line, message: "there is no group \"\(name)\"")
            }
            if case .outage(let tracker?, _) = fault.kind, tracker >= self.trackers.count {
                throw ScenarioError(line: fault.line, message: "there is no tracker \(tracker): the first is 0")
            }
        }
    }
}
