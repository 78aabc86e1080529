import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

/// When the mesh wants a direct lane, and whose word about it counts.
@Suite struct LaneTests {
    private static let offer = LaneMessage.offer(token: PlayedPeer.nonce, port: 8_080)

    private func meet(ours: Bool, theirs: UInt32) -> (driver: MachineDriver, peer: PlayedPeer, entrance: [MeshEffect]) {
        var configuration = MeshConfiguration()
        configuration.hasDirectLane = ours
        var driver = MachineDriver(configuration: configuration)
        _ = driver.addSwarm(shardSizes: [1_000], isSeeder: true)
        var peer = PlayedPeer(number: 1, connection: 7)
        peer.capabilities = theirs
        let entrance = peer.enter(&driver)
        return (driver, peer, entrance)
    }

    private func lanes(_ effects: [MeshEffect]) -> [MeshEffect] {
        effects.filter { effect in
            switch effect {
            case .seekLane, .lane: true
            default: false
            }
        }
    }

    @Test func `a lane is sought when both sides can have one and share a swarm`() {
        var (driver, peer, entrance) = self.meet(ours: true, theirs: Hello.directLane | 1 << 31)
        #expect(self.lanes(entrance) == [.seekLane(peer.connection)])
        let told = driver.feed(peer.say(.lane(Self.offer), handle: 0))
        #expect(self.lanes(told) == [.lane(peer.connection, Self.offer)])
    }

    @Test(arguments: [(false, Hello.directLane), (true, 0), (true, 1 << 31)])
    func `without it on one side there is none, and what is said of it means nothing`(ours: Bool, theirs: UInt32) {
        var (driver, peer, entrance) = self.meet(ours: ours, theirs: theirs)
        #expect(self.lanes(entrance).isEmpty)
        #expect(self.lanes(driver.feed(peer.say(.lane(Self.offer), handle: 0))).isEmpty)
    }

    @Test func `who shares no swarm has us dial nobody`() {
        var configuration = MeshConfiguration()
        configuration.hasDirectLane = true
        var driver = MachineDriver(configuration: configuration)
        var peer = PlayedPeer(number: 1, connection: 7)
        peer.capabilities = Hello.directLane
        #expect(self.lanes(peer.connect(to: &driver)).isEmpty)
        #expect(self.lanes(driver.feed(peer.say(.lane(Self.offer), handle: 0))).isEmpty)
    }

    @Test(arguments: [true, false]) func `hello says whether there are lanes`(has: Bool) throws {
        var configuration = MeshConfiguration()
        configuration.hasDirectLane = has
        var driver = MachineDriver(configuration: configuration)
        let peer = PlayedPeer(number: 1, connection: 7)
        let effects = driver.feed(.opened(peer.connection, peer.path))
        guard case .hello(let hello)? = effects.sent(to: peer.connection).first else {
            Issue.record("no hello")
            return
        }
        #expect(hello.capabilities == (has ? Hello.directLane : 0))
    }
}
