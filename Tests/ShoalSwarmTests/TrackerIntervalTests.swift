import ShoalCore
import ShoalSwarm
import Testing

/// What trackers say about when to come back, and what a node makes of it.
@Suite struct TrackerIntervalTests {
    private static let tracker = TrackerIndex(0)

    /// A machine that has just announced itself, without offers.
    private func announced(isSeeder: Bool) -> MachineDriver {
        var driver = MachineDriver(trackers: 1)
        _ = driver.addSwarm(shardSizes: [1_000], isSeeder: isSeeder, trackers: 1)
        _ = driver.feed(.trackerConnected(Self.tracker))
        #expect(driver.pass(.milliseconds(300)).announces.map(\.event) == [.started])
        return driver
    }

    private func reply(interval: Duration? = nil, minimum: Duration? = nil) -> MeshInput {
        let statistics = TrackerStatistics(
            infoHash: MachineDriver.infoHash,
            complete: 1,
            incomplete: 1,
            interval: interval,
            minimumInterval: minimum
        )
        return .trackerReceived(Self.tracker, .announced(statistics))
    }

    /// An hour is what HTTP trackers say; a swarm that waits for it does not heal.
    @Test(arguments: [Duration.seconds(20), .seconds(120), .seconds(3_600)])
    func `an interval that a tracker only wishes for changes nothing`(interval: Duration) {
        var driver = self.announced(isSeeder: true)
        _ = driver.feed(self.reply(interval: interval))
        #expect(driver.pass(.milliseconds(29_999)).announces.isEmpty)
        #expect(driver.pass(.milliseconds(1)).announces.map(\.event) == [nil])
    }

    @Test func `the least interval holds from the reply that names it`() {
        var driver = self.announced(isSeeder: true)
        _ = driver.feed(self.reply(minimum: .seconds(60)))
        #expect(driver.pass(.milliseconds(59_999)).announces.isEmpty)
        #expect(driver.pass(.milliseconds(1)).announces.count == 1)
        #expect(driver.pass(.milliseconds(59_999)).announces.isEmpty)
        #expect(driver.pass(.milliseconds(1)).announces.count == 1)
    }

    @Test func `the least interval holds for a node without peers, which would come after 2 s`() {
        var driver = self.announced(isSeeder: false)
        _ = driver.feed(self.reply(minimum: .seconds(10)))
        #expect(driver.pass(.milliseconds(9_999)).announces.isEmpty)
        #expect(driver.pass(.milliseconds(1)).announces.count == 1)
    }

    @Test func `a least interval below ours changes nothing`() {
        var driver = self.announced(isSeeder: true)
        _ = driver.feed(self.reply(minimum: .seconds(5)))
        #expect(driver.pass(.milliseconds(29_999)).announces.isEmpty)
        #expect(driver.pass(.milliseconds(1)).announces.count == 1)
    }

    @Test func `a tracker that takes its least interval back gets what is due`() {
        var driver = self.announced(isSeeder: true)
        _ = driver.feed(self.reply(minimum: .seconds(60)))
        #expect(driver.pass(.seconds(60)).announces.count == 1)
        _ = driver.feed(self.reply())
        #expect(driver.pass(.seconds(60)).announces.count == 1)
        #expect(driver.pass(.milliseconds(29_999)).announces.isEmpty)
        #expect(driver.pass(.milliseconds(1)).announces.count == 1)
    }

    private func refuse(_ driver: inout MachineDriver, infoHash: InfoHash? = MachineDriver.infoHash) {
        _ = driver.feed(.trackerReceived(Self.tracker, .failure(reason: "not now", infoHash: infoHash)))
    }

    @Test func `a tracker that refuses a swarm is asked after twice as long each time, until it replies`() {
        var driver = self.announced(isSeeder: true)
        // The first four are sooner than the usual 30 s.
        for delay in [30, 30, 30, 30, 32, 64, 120, 120] {
            self.refuse(&driver)
            #expect(driver.pass(.milliseconds(1_000 * delay - 1)).announces.isEmpty, "\(delay)")
            #expect(driver.pass(.milliseconds(1)).announces.count == 1, "\(delay)")
        }
        _ = driver.feed(self.reply())
        #expect(driver.pass(.seconds(30)).announces.count == 1)
        self.refuse(&driver)
        #expect(driver.pass(.seconds(30)).announces.count == 1)
    }

    @Test func `refusals of what was said since the announce count once`() {
        var driver = self.announced(isSeeder: true)
        for _ in 0..<10 { self.refuse(&driver) }
        #expect(driver.pass(.seconds(30)).announces.count == 1)
        _ = driver.feed(self.reply())
        for _ in 0..<10 { self.refuse(&driver) }
        #expect(driver.pass(.seconds(30)).announces.count == 1)
    }

    @Test func `a refusal of who knows what changes nothing`() {
        var driver = self.announced(isSeeder: true)
        for _ in 0..<10 { self.refuse(&driver, infoHash: nil) }
        #expect(driver.pass(.milliseconds(29_999)).announces.isEmpty)
        #expect(driver.pass(.milliseconds(1)).announces.count == 1)
    }
}
