import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

/// Connections that are given up before they open, and what the edge had to say of them by then.
@Suite struct GivenUpAttemptTests {
    private static let tracker = TrackerIndex(0)

    /// A machine of which another peer wants an answer, which it has given up by now.
    private func givenUp() throws -> (MachineDriver, ConnectionID) {
        var driver = MachineDriver(trackers: 1)
        _ = driver.addSwarm(shardSizes: [1_000], isSeeder: true, trackers: 1)
        _ = driver.feed(.trackerConnected(Self.tracker))
        let peer = try #require(PeerID(bytes: [UInt8](repeating: 4, count: 20)))
        let offerID = try #require(OfferID(bytes: [UInt8](repeating: 5, count: 20)))
        let offer = TrackerOffer(offerID: offerID, sdp: "v=0")
        let effects = driver.feed(
            .trackerReceived(Self.tracker, .offer(infoHash: MachineDriver.infoHash, from: peer, offer: offer))
        )
        let connection = try #require(effects.answeredConnections.first)
        let later = driver.pass(MeshConfiguration().connectLimit)
        #expect(later.closing(connection) != nil)
        return (driver, connection)
    }

    @Test func `one that is given up is not ordered closed again when the node stops`() throws {
        var (driver, connection) = try self.givenUp()
        #expect(driver.feed(.stop).closing(connection) == nil)
    }

    @Test func `a description that comes too late goes nowhere`() throws {
        var (driver, connection) = try self.givenUp()
        let effects = driver.feed(.described(connection, sdp: "v=0"))
        #expect(!effects.contains { if case .sendToTracker(_, .answer) = $0 { true } else { false } })
    }

    @Test func `one that opens too late is no peer`() throws {
        var (driver, connection) = try self.givenUp()
        let path = PlayedPeer(number: 2, connection: connection.rawValue).path
        #expect(driver.feed(.opened(connection, path)).sent(to: connection).isEmpty)
        #expect(
            !driver.feed(.closed(connection, reason: "closed")).observations.contains { observation in
                if case .peerLeft = observation { true } else { false }
            }
        )
    }
}
