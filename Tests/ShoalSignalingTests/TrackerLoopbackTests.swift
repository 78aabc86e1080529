import ShoalCore
import ShoalSwarm
import Testing

@testable import ShoalSignaling

/// Client and server over real sockets.
@Suite(.timeLimit(.minutes(1)))
struct TrackerLoopbackTests {
    /// Two peers meet: one offers, the other answers, one stops, counts follow.
    private func meet(_ url: TrackerURL, _ configuration: TrackerClient.Configuration) async throws {
        let seeder = try await TestClient.connected(to: url, configuration: configuration)
        let leecher = try await TestClient.connected(to: url, configuration: configuration)
        let started = Sample.announce(1, event: .started, left: 0)
        #expect(try await seeder.exchange(.announce(started)) == .message(Sample.announced(1, 0)))

        // Longer than a fragment, shorter than a frame of the server's.
        let offer = Sample.offer(1, sdp: "v=0\r\n" + String(repeating: "a=x\r\n", count: 8000))
        let announce = Sample.announce(2, event: .started, left: 5, offers: [offer])
        #expect(try await leecher.exchange(.announce(announce)) == .message(Sample.announced(1, 1)))
        let relayed = TrackerResponse.offer(infoHash: Sample.infoHash(1), from: Sample.peerID(2), offer: offer)
        try await seeder.events.expect(.message(relayed))

        let answer = Sample.answer(from: 1, to: 2, left: 0)
        try seeder.client.send(.answer(answer))
        let answered = TrackerResponse.answer(
            infoHash: answer.infoHash,
            from: answer.peerID,
            offerID: answer.offerID,
            sdp: answer.sdp
        )
        try await leecher.events.expect(.message(answered))

        let stopped = Sample.announce(1, event: .stopped, left: 0)
        #expect(try await seeder.exchange(.announce(stopped)) == .message(Sample.announced(0, 1)))
        seeder.client.close()
        try await seeder.events.expect(.closed(reason: "closed by this node"))
        let counts = TrackerCounts(complete: 0, incomplete: 1, downloaded: 0)
        #expect(
            try await leecher.exchange(.scrape([Sample.infoHash(1)]))
                == .message(.scraped([Sample.infoHash(1): counts]))
        )
        leecher.client.close()
        try await leecher.events.expect(.closed(reason: "closed by this node"))
        #expect(seeder.events.rest == [])
        #expect(leecher.events.rest == [])
    }

    @Test
    func `two peers meet over ws`() async throws {
        try await withTracker { server in try await self.meet(server.url, .patient) }
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func `two peers meet over wss with an authority of their own`(host: String) async throws {
        try await TestCertificates.withFiles { files, authorityFile, _ in
            try await withTracker { configuration in
                configuration.tls = files
            } _: { server in
                #expect(server.url.scheme == .wss)
                var configuration = TrackerClient.Configuration.patient
                configuration.authorityFile = authorityFile
                let url = TrackerURL(
                    scheme: .wss,
                    authority: HostPort(host: host, port: server.url.port),
                    path: "/announce"
                )
                try await self.meet(url, configuration)
            }
        }
    }

    @Test
    func `a certificate of an unknown authority is refused`() async throws {
        try await TestCertificates.withFiles { files, _, _ in
            try await withTracker { configuration in
                configuration.tls = files
            } _: { server in
                let reason = try await TestClient(server.url).reasonOfFailure()
                #expect(reason.hasPrefix("TLS with \(server.url) failed: "))
                #expect(reason.contains("--tls-ca"))
            }
        }
    }

    @Test
    func `wss to a tracker without TLS, and ws to one with it, say so`() async throws {
        try await withTracker { server in
            let url = TrackerURL(scheme: .wss, authority: server.url.authority)
            let reason = try await TestClient(url).reasonOfFailure()
            #expect(reason.hasPrefix("TLS with \(url) failed: "))
        }
        try await TestCertificates.withFiles { files, _, _ in
            try await withTracker { configuration in
                configuration.tls = files
            } _: { server in
                let url = TrackerURL(scheme: .ws, authority: server.url.authority)
                let reason = try await TestClient(url).reasonOfFailure()
                #expect(reason.hasPrefix("\(url) "))
            }
        }
    }

    @Test
    func `a peer that comes back on a new socket outlives its old socket`() async throws {
        try await withTracker { server in
            let old = try await TestClient.connected(to: server.url)
            let new = try await TestClient.connected(to: server.url)
            let other = try await TestClient.connected(to: server.url)
            #expect(try await old.exchange(.announce(Sample.announce(1))) == .message(Sample.announced(0, 1)))
            #expect(try await new.exchange(.announce(Sample.announce(1))) == .message(Sample.announced(0, 1)))
            old.client.close()
            _ = try await old.events.next()
            let offer = Sample.offer(1)
            let announce = Sample.announce(2, offers: [offer])
            #expect(try await other.exchange(.announce(announce)) == .message(Sample.announced(0, 2)))
            let relayed = TrackerResponse.offer(infoHash: Sample.infoHash(1), from: Sample.peerID(2), offer: offer)
            try await new.events.expect(.message(relayed))
            new.client.close()
            other.client.close()
        }
    }

    @Test
    func `a client connects again after its end`() async throws {
        try await withTracker { server in
            let client = try await TestClient.connected(to: server.url)
            client.client.connect()
            client.client.close()
            client.client.close()
            try await client.events.expect(.closed(reason: "closed by this node"))
            client.client.connect()
            try await client.events.expect(.connected)
            #expect(try await client.exchange(.announce(Sample.announce(1))) == .message(Sample.announced(0, 1)))
            client.client.close()
            try await client.events.expect(.closed(reason: "closed by this node"))
            #expect(client.events.rest == [])
        }
    }

    @Test
    func `a client that is closed while it connects ends once, and what is sent without connection is dropped`()
        async throws
    {
        // It takes connections and never answers, so that nobody is connected before the end comes.
        let server = try await CannedServer(after: "never", answer: "")
        let client = try TestClient(server.url)
        try client.client.send(.announce(Sample.announce(1)))
        client.client.close()
        client.client.connect()
        client.client.close()
        try client.client.send(.announce(Sample.announce(1)))
        try await client.events.expect(.closed(reason: "closed by this node"))
        #expect(client.events.rest == [])
        try await server.close()
    }

    @Test
    func `a shutdown says goodbye to everyone and frees the port`() async throws {
        let server = try await TrackerServer.start(group: loops, seed: 1)
        let client = try await TestClient.connected(to: server.url)
        await server.shutdown()
        try await client.events.expect(.closed(reason: "\(server.url) closed the connection (code 1001)"))
        client.client.connect()
        try await client.events.expect(.closed(reason: "connection refused by \(server.url): is the tracker running?"))
        await server.shutdown()
    }
}
