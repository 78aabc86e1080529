import ShoalCore
import ShoalSwarm
import Testing

@testable import ShoalSimulation

@Suite struct ScenarioReaderTests {
    private static let smallest = "shards count=1 size=1B\nnodes a count=1\n"

    @Test func `every line of the format is understood`() throws {
        let scenario = try Scenario(
            reading: """
                # A swarm.
                shards count=2 size=1.5MiB   # and some more
                shards count=1 size=300B
                manifest size=4KiB
                nodes seeders count=2 up=20Mbit/s down=none latency=10ms holds=all scale=no
                nodes others count=8 up=500kB/s latency=5ms..40ms jitter=2ms loss=0.5% holds=20% disk=3MiB start=1s..2s
                nodes held count=1 upload-limit=1MB/s download-limit-per-peer=8kbit/s
                nodes bad count=1 conduct=poisoning wrong=30% wrong-hashes=yes
                tracker count=2 interval=20s latency=5ms duplicate=10%
                at 2s kill others count=1 back=3s disk=lost
                at 1s partition seeders others | bad for=20s
                at 7s limit held count=1 download-limit=2MB/s upload-limit-per-peer=none
                at 3s outage tracker=1 for=250ms
                every 1s sleep others count=1 for=500ms from=4s until=6s
                limit 2min
                expect complete within=60s
                expect waste at-most=1%
                expect wrong at-most=2%
                expect control at-most=2kB/s
                expect failures count=1
                """
        )
        #expect(scenario.shardSizes == [1_572_864, 1_572_864, 300])
        #expect(scenario.manifestSize == 4_096)
        #expect(scenario.groups.map(\.name) == ["seeders", "others", "held", "bad"])
        #expect(scenario.groups[0].up == 2_500_000)
        #expect(scenario.groups[0].down == nil)
        #expect(!scenario.groups[0].scales)
        #expect(scenario.groups[1].latency == .milliseconds(5)...(.milliseconds(40)))
        #expect(scenario.groups[1].loss == 5_000)
        #expect(scenario.groups[1].holds == .some(200_000))
        #expect(scenario.groups[1].disk == 3 * 1_048_576)
        #expect(scenario.groups[2].limits.upload == TransferLimits.Rates(total: 1_000_000))
        #expect(scenario.groups[2].limits.download == TransferLimits.Rates(perPeer: 1_000))
        #expect(scenario.groups[3].conduct == .poisoning(share: 300_000, hashLists: true))
        #expect(scenario.trackers.duplication == 100_000)
        #expect(scenario.faults.map(\.at) == [1, 2, 3, 4, 5, 6, 7].map { .seconds($0) })
        #expect(
            scenario.faults[1].kind
                == .kill(
                    Fault.Target(group: "others", count: 1),
                    Fault.Return(after: .seconds(3), keepsDisk: false)
                )
        )
        var limits = TransferLimits()
        limits.download.total = 2_000_000
        #expect(scenario.faults[6].kind == .limit(Fault.Target(group: "held", count: 1), limits))
        #expect(scenario.faults[0].kind == .partition([["seeders", "others"], ["bad"]], for: .seconds(20)))
        #expect(scenario.limit == .seconds(120))
        #expect(scenario.expectations.waste == 10_000)
        #expect(scenario.expectations.wrong == 20_000)
        #expect(scenario.expectations.control == 2_000)
    }

    @Test(arguments: [
        ("shard count=1 size=1B", "line 3: \"shard\" begins no line"),
        ("shards count=1", "line 3: size= is missing"),
        ("shards count=x size=1B", "line 3: count=x is not a number"),
        ("shards count=1 size=1", "line 3: size=1 is not a size such as"),
        ("shards count=1 size=65MiB", "line 3: a shard has 1 B to 64 MiB"),
        ("shards count=131073 size=1B", "line 3: more than 131072 shards"),
        ("nodes b count=1 colour=red", "line 3: \"colour\" is no field of this line"),
        ("nodes b count=1 count=2", "line 3: \"count\" is there twice"),
        ("nodes b count=1 idle", "line 3: \"idle\" has no value"),
        ("nodes b c count=1", "line 3: \"c\" means nothing here"),
        ("nodes a count=1", "line 3: a is there twice"),
        ("nodes b count=1 latency=20ms..10ms", "line 3: latency=20ms..10ms is not a time"),
        ("nodes b count=1 up=0B/s", "line 3: up=0B/s is not a rate"),
        ("nodes b count=1 upload-limit=1", "line 3: upload-limit=1 is not a rate"),
        ("at 1s limit a for=1s", "line 3: \"for\" is no field of this line"),
        ("nodes b count=1 loss=51%", "line 3: loss is at most 50%"),
        ("nodes b count=1 loss=101%", "line 3: loss=101% is not a share"),
        ("nodes b count=1 conduct=kind", "line 3: conduct=kind is none of honest"),
        ("nodes b count=1 wrong=3%", "line 3: only conduct=poisoning sends what is wrong"),
        ("at soon kill a", "line 3: soon is not a time"),
        ("at 1s explode a", "line 3: \"explode\" cannot happen"),
        ("at 1s kill", "line 3: the group is missing"),
        ("at 1s kill b", "line 3: there is no group \"b\""),
        ("at 1s kill a disk=lost", "line 3: disk= is for those that come back"),
        ("at 1s kill a back=1s disk=new", "line 3: disk=new is not kept or lost"),
        ("at 1s sleep a", "line 3: for= is missing"),
        ("at 1s partition a for=1s", "line 3: a partition is written"),
        ("at 1s outage tracker=1 for=1s", "line 3: there is no tracker 1"),
        ("every 0s kill a from=1s until=2s", "line 3: 0s is not a time"),
        ("every 1us kill a from=0s until=1s", "line 3: more than 10000 faults"),
        ("expect peace within=1s", "line 3: \"peace\" cannot be expected"),
        ("expect waste at-most=1.2345%", "line 3: at-most=1.2345% is not a share"),
        ("nodes b count=20000", "a scenario has 1 to 20000 nodes, not 20001"),
    ])
    func `an error names the line and what is wrong with it`(line: String, start: String) {
        let error = #expect(throws: ScenarioError.self) { try Scenario(reading: Self.smallest + line) }
        #expect(error?.description.hasPrefix(start) == true, "\(error?.description ?? "no error")")
    }

    @Test func `a scenario without shards is none`() {
        #expect(throws: ScenarioError(line: 0, message: "there are no shards")) {
            try Scenario(reading: "nodes a count=1")
        }
    }

    @Test func `scaling keeps proportions and what does not scale`() throws {
        let scenario = try Scenario(
            reading: "shards count=1 size=1B\nnodes a count=1 scale=no\nnodes b count=6\nnodes c count=3\n"
        ).scaled(to: 91)
        #expect(scenario.groups.map(\.count) == [1, 60, 30])
    }
}
