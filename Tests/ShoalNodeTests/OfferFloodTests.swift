import Dispatch
import ShoalCore
import ShoalFormats
import ShoalSignaling
import ShoalStore
import ShoalSwarm
import ShoalTransport
import Synchronization
import TestSupport
import Testing

import class NIOPosix.MultiThreadedEventLoopGroup

@testable import ShoalNode

/// Somebody announces himself again and again, each time with an offer that leads nowhere.
@Suite(.timeLimit(.minutes(1))) struct OfferFloodTests {
    /// Makes one offer that looks as good as any, and never takes an answer.
    private final class OfferMaker: RTCTransportDelegate {
        let offers = Journal<String>()

        func described(_ connection: ConnectionID, sdp: String) { self.offers.note(sdp) }
        func opened(_ connection: ConnectionID, path: RTCPath) {}
        func closed(_ connection: ConnectionID, reason: String) {}
        func receivedControl(_ connection: ConnectionID, _ message: RawSpan) {}
        func receivedFrame(_ connection: ConnectionID, _ frame: RawSpan) {}
        func chunkSent(_ connection: ConnectionID, token: UInt64) {}
    }

    private func offer() async throws -> String {
        let maker = OfferMaker()
        var configuration = RTCConfiguration()
        configuration.bindAddress = "127.0.0.1"
        let transport = try RTCTransport(configuration: configuration, delegate: maker)
        transport.offer(ConnectionID(1))
        let offer = try await maker.offers.first("an offer") { $0 }
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                transport.shutdown()
                continuation.resume()
            }
        }
        return offer
    }

    @Test func `a flood of offers takes no more than its places, and an honest fetcher gets through`() async throws {
        try await inScene { scene in
            let model = try scene.model()
            let limits = MeshConfiguration().with(\.maximumConnections, 16)
            let seeder = try scene.node("library", configuration: limits)
            _ = try seeder.node.add(model, link: model.link, fetches: false)
            try await seeder.announced(at: 0)

            let real = try await self.offer()
            let signals = Journal<TrackerClient.Event>()
            let flooder = try TrackerClient(
                url: scene.alley.url,
                group: MultiThreadedEventLoopGroup.singleton
            ) { signals.note($0) }
            flooder.connect()
            try await signals.first("the tracker") { $0 == .connected ? () : nil }
            var generator = SystemRandomNumberGenerator()
            for number in 0..<400 {
                let sdp = number % 4 == 0 ? "v=0\r\nnonsense \(number)\r\n" : real
                let announce = TrackerAnnounce(
                    infoHash: model.link.infoHash,
                    peerID: .random(using: &generator),
                    event: .started,
                    left: 1,
                    offers: [TrackerOffer(offerID: .random(using: &generator), sdp: sdp)]
                )
                try flooder.send(.announce(announce))
            }
            try await signals.first("an answer") { event in
                if case .message(.answer) = event { () } else { nil }
            }
            #expect(await seeder.node.connectionBudget().used <= 16)

            let fetcher = try scene.node("fetcher", visitsAlley: false)
            let fetched = try fetcher.node.add(model.link)
            try await fetcher.finished(fetched)
            let budget = await seeder.node.connectionBudget()
            #expect(budget.used <= 16)
            let answers = signals.entries.count { if case .message(.answer) = $0 { true } else { false } }
            #expect(answers < 100, "\(answers) of 400 offers were worth an answer")
            #expect(seeder.doubts().isEmpty)
            flooder.close()
        }
    }
}
