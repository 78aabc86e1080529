import ShoalCore

extension Scenario {
    /// `every PERIOD FAULT from=… until=…`: the fault again and again.
    mutating func readEvery(_ fields: inout ScenarioFields) throws(ScenarioError) {
        let text = try fields.word("how often")
        guard let period = ScenarioValue.duration(text), period > .zero else {
            throw fields.error("\(text) is not \(ScenarioValue.durationForm)")
        }
        let start = try fields.required("from", ScenarioValue.durationForm, ScenarioValue.duration)
        let end = try fields.required("until", ScenarioValue.durationForm, ScenarioValue.duration)
        let kind = try Self.readFault(&fields)
        var moment = start
        while moment <= end {
            guard self.faults.count < Self.faultLimit else { throw fields.error("more than \(Self.faultLimit) faults") }
            self.faults.append(Fault(at: moment, kind: kind, line: fields.line))
            moment += period
        }
    }

    static func readFault(_ fields: inout ScenarioFields) throws(ScenarioError) -> Fault.Kind {
        let name = try fields.word("what happens")
        switch name {
        case "kill": return .kill(try self.readTarget(&fields), try self.readReturn(&fields))
        case "stop": return .stop(try self.readTarget(&fields), try self.readReturn(&fields))
        case "sleep": return .sleep(try self.readTarget(&fields), for: try self.readLength(&fields))
        case "throttle":
            let rate = try fields.required("to", ScenarioValue.rateForm) { ScenarioValue.rate($0) ?? nil }
            return .throttle(try self.readTarget(&fields), to: rate, for: try self.readLength(&fields))
        case "limit": return .limit(try self.readTarget(&fields), try self.readLimits(&fields))
        case "partition":
            let parts = fields.remainingWords().split(separator: "|").map { Array($0) }
            guard parts.count > 1 else { throw fields.error("a partition is written GROUP… | GROUP… for=TIME") }
            return .partition(parts, for: try self.readLength(&fields))
        case "outage":
            let tracker = try fields.value("tracker", "a number", ScenarioValue.count)
            return .outage(tracker: tracker, for: try self.readLength(&fields))
        case "rot": return .rot(try self.readTarget(&fields))
        case "cut": return .cut(try self.readTarget(&fields))
        default:
            throw fields.error(
                "\"\(name)\" cannot happen: kill, stop, sleep, throttle, limit, partition, outage, rot and cut can"
            )
        }
    }

    private static func readTarget(_ fields: inout ScenarioFields) throws(ScenarioError) -> Fault.Target {
        Fault.Target(
            group: try fields.word("the group"),
            count: try fields.value("count", "a number", ScenarioValue.count)
        )
    }

    private static func readLength(_ fields: inout ScenarioFields) throws(ScenarioError) -> Duration {
        try fields.required("for", ScenarioValue.durationForm, ScenarioValue.duration)
    }

    private static func readReturn(_ fields: inout ScenarioFields) throws(ScenarioError) -> Fault.Return? {
        let after = try fields.value("back", ScenarioValue.durationForm, ScenarioValue.duration)
        let keepsDisk = try fields.value("disk", "kept or lost") { text -> Bool? in
            text == "kept" ? true : text == "lost" ? false : nil
        }
        guard let after else {
            guard keepsDisk == nil else { throw fields.error("disk= is for those that come back: back= is missing") }
            return nil
        }
        return Fault.Return(after: after, keepsDisk: keepsDisk ?? true)
    }
}

extension Fault {
    /// The groups that it names.
    var groups: [String] {
        switch self.kind {
        case .kill(let target, _), .stop(let target, _), .sleep(let target, _), .throttle(let target, _, _),
            .limit(let target, _), .rot(let target), .cut(let target):
            [target.group]
        case .partition(let parts, _): parts.flatMap(\.self)
        case .outage: []
        }
    }
}
