import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

@Suite struct SessionTests {
    private let sizes = [300_000, 1_000]

    private func driver(number: UInt8 = 100, configuration: MeshConfiguration = MeshConfiguration()) -> MachineDriver {
        var driver = MachineDriver(number: number, configuration: configuration)
        _ = driver.addSwarm(shardSizes: self.sizes, isSeeder: true)
        return driver
    }

    @Test(arguments: [PeerPath.Role.initiator, .responder])
    func `a peer that proves who it is gets our joins`(role: PeerPath.Role) {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7, role: role)
        let effects = peer.connect(to: &driver)
        #expect(effects.observations == [.peerJoined(peer.connection, peer.node, agent: "played")])
        #expect(effects.sent(to: peer.connection).map(\.name) == ["join"])
    }

    @Test func `anything before hello ends the connection`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        _ = driver.feed(.opened(peer.connection, peer.path))
        let effects = driver.feed(.received(peer.connection, ControlMessage(.ping(token: 1))))
        #expect(effects.closing(peer.connection) == "it did not say hello first")
    }

    @Test func `another version of the protocol is refused by its number`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        _ = driver.feed(.opened(peer.connection, peer.path))
        guard case .hello(var hello) = peer.hello.body else { return }
        hello.version = 2
        let effects = driver.feed(.received(peer.connection, ControlMessage(.hello(hello))))
        #expect(effects.closing(peer.connection) == "it speaks version 2 of the protocol, we speak 1")
    }

    @Test func `a connection to ourselves ends`() {
        var driver = self.driver(number: 1)
        let peer = PlayedPeer(number: 1, connection: 7)
        _ = driver.feed(.opened(peer.connection, peer.path))
        let effects = driver.feed(.received(peer.connection, peer.hello))
        #expect(effects.closing(peer.connection) == "it is this node itself")
    }

    @Test func `a proof for another connection does not hold`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        let transcript = peer.open(on: &driver)
        let stolen = Transcript(
            initiatorNonce: transcript.initiatorNonce,
            responderNonce: transcript.responderNonce,
            initiatorFingerprint: transcript.responderFingerprint,
            responderFingerprint: transcript.responderFingerprint
        )
        let effects = driver.feed(.received(peer.connection, peer.proof(stolen)))
        #expect(effects.closing(peer.connection) == "its proof does not fit its key")
    }

    @Test func `our own proof sent back does not hold`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        _ = driver.feed(.opened(peer.connection, peer.path))
        let answer = driver.feed(.received(peer.connection, peer.hello)).sent(to: peer.connection)
        guard let proof = answer.first else { return }
        let effects = driver.feed(.received(peer.connection, ControlMessage(proof)))
        #expect(effects.closing(peer.connection) == "its proof does not fit its key")
    }

    @Test func `a message other than the proof after hello ends the connection`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        _ = peer.open(on: &driver)
        let effects = driver.feed(.received(peer.connection, peer.hello))
        #expect(effects.closing(peer.connection) == "it did not prove who it is")
    }

    @Test func `hello after the handshake ends the connection`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.connect(to: &driver)
        let effects = driver.feed(.received(peer.connection, peer.hello))
        #expect(effects.closing(peer.connection) == "it says hello twice")
    }

    @Test func `who says nothing in time is closed, and not before`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        _ = driver.feed(.opened(peer.connection, peer.path))
        #expect(driver.pass(.milliseconds(4_999)).closing(peer.connection) == nil)
        #expect(driver.pass(.milliseconds(1)).closing(peer.connection) == "it did not say who it is in time")
    }

    @Test func `garbage before the handshake is over ends the connection at once`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        _ = driver.feed(.opened(peer.connection, peer.path))
        let effects = driver.feed(.malformed(peer.connection, .trailing(3)))
        #expect(effects.closing(peer.connection) == "it sends 3 bytes after the end of a message")
    }

    @Test func `the third malformed message ends the connection`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.connect(to: &driver)
        let garbage = MeshInput.malformed(peer.connection, .trailing(3))
        #expect(driver.feed(garbage, garbage).closing(peer.connection) == nil)
        #expect(driver.feed(garbage).closing(peer.connection) != nil)
    }

    @Test func `the lower node closes the newer of two connections to the same peer`() {
        var driver = self.driver(number: 1)
        PlayedPeer(number: 2, connection: 7).connect(to: &driver)
        let second = PlayedPeer(number: 2, connection: 8).connect(to: &driver)
        #expect(second.closing(ConnectionID(8)) == "a second connection to the same peer")
        #expect(second.closing(ConnectionID(7)) == nil)
    }

    @Test func `the higher node leaves both connections to the other`() {
        var driver = self.driver(number: 3)
        PlayedPeer(number: 2, connection: 7).connect(to: &driver)
        let second = PlayedPeer(number: 2, connection: 8).connect(to: &driver)
        #expect(second.closing(ConnectionID(7)) == nil)
        #expect(second.closing(ConnectionID(8)) == nil)
    }

    @Test(arguments: [1, 3] as [UInt8]) func `a new start of a peer replaces its old connection`(number: UInt8) {
        var driver = self.driver(number: number)
        PlayedPeer(number: 2, connection: 7).connect(to: &driver)
        var reborn = PlayedPeer(number: 2, connection: 8)
        reborn.session = 2
        let effects = reborn.connect(to: &driver)
        #expect(effects.closing(ConnectionID(7)) == "the peer has started anew")
        #expect(effects.closing(ConnectionID(8)) == nil)
    }

    @Test func `a join that fits opens the swarm and tells what we have`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        let effects = peer.enter(&driver)
        #expect(effects.observations == [.swarmOpened(MachineDriver.swarm, peer.node)])
        #expect(effects.sent(to: peer.connection) == [.bitfield(.full(count: 2))])
    }

    @Test func `a join without the secret is ignored, and so is what follows it`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        let transcript = peer.open(on: &driver)
        _ = driver.feed(.received(peer.connection, peer.proof(transcript)))
        let wrong = peer.join(transcript, secret: Digest(bytes: [UInt8](repeating: 8, count: 32))!)
        #expect(driver.feed(.received(peer.connection, wrong)).isEmpty)
        #expect(driver.feed(peer.say(.manifestRequest(offset: 0))).isEmpty)
        #expect(driver.feed(peer.say(.hashesRequest(shard: ShardIndex(0)))).isEmpty)
    }

    @Test func `our own join proof sent back opens nothing`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        let ours = peer.connect(to: &driver).sent(to: peer.connection)
        guard let join = ours.first else { return }
        #expect(driver.feed(.received(peer.connection, ControlMessage(handle: 9, join))).isEmpty)
    }

    @Test func `a handle said twice ends the connection`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        let transcript = peer.open(on: &driver)
        _ = driver.feed(.received(peer.connection, peer.proof(transcript)))
        _ = driver.feed(.received(peer.connection, peer.join(transcript)))
        let effects = driver.feed(.received(peer.connection, peer.join(transcript)))
        #expect(effects.closing(peer.connection) == "it uses a handle twice")
    }

    @Test func `a swarm that is added later is joined on connections that are there`() {
        var driver = MachineDriver()
        let peer = PlayedPeer(number: 1, connection: 7)
        #expect(peer.connect(to: &driver).sent(to: peer.connection).isEmpty)
        let effects = driver.addSwarm(shardSizes: self.sizes, isSeeder: true)
        #expect(effects.sent(to: peer.connection).map(\.name) == ["join"])
    }

    @Test func `ping is answered with its token, unknown types with nothing`() {
        var driver = self.driver()
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.connect(to: &driver)
        #expect(
            driver.feed(peer.say(.ping(token: 42), handle: 0)) == [
                .send(peer.connection, ControlMessage(.pong(token: 42)))
            ]
        )
        #expect(driver.feed(peer.say(.unknown(type: 0x50))).isEmpty)
    }

    @Test func `a silent peer is pinged and then closed; one that answers stays`() {
        var driver = self.driver()
        let silent = PlayedPeer(number: 1, connection: 7)
        silent.enter(&driver)
        let first = driver.pass(.seconds(3))
        #expect(first.sent(to: silent.connection).contains(.ping(token: 1)))
        for _ in 0..<10 {
            #expect(driver.pass(.seconds(2)).closing(silent.connection) == nil)
            _ = driver.feed(silent.say(.pong(token: 1), handle: 0))
        }
        #expect(driver.pass(.seconds(10)).closing(silent.connection) == "it is silent")
    }
}
