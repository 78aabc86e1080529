import Logging
import ShoalCore
import ShoalSwarm
import ShoalTransport
import ShoalWire
import Synchronization
import Testing

@testable import ShoalNode

/// A node's direct lanes against a peer whose part the test plays.
@Suite(.timeLimit(.minutes(1))) struct LaneDeskTests {
    private static let connection = ConnectionID(4)
    private static let token = Nonce(bytes: [UInt8](repeating: 5, count: 32))!

    /// The desk, and what it did.
    private final class Stage: Sendable {
        enum Act: Equatable, Sendable {
            case said(LaneMessage)
            case sentOverBulk(UInt64)
            case delivered(UInt64)
            case disconnected
        }

        let desk: LaneDesk
        private let lanes: LaneTransport
        let acts = Mutex<[Act]>([])
        /// What is to be done later, and when.
        let plans = Mutex<[(seconds: Double, action: @Sendable () -> Void)]>([])

        init(role: PeerPath.Role, candidate: String = "candidate:1 1 UDP 1 127.0.0.1 9 typ host") throws {
            self.desk = LaneDesk(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, clock: { .zero })
            let certificate = try RTCCertificate()
            var place = LaneConfiguration(bindAddress: "127.0.0.1")
            place.tokenLifetime = .seconds(60)
            let listener = Listener()
            let lanes = try LaneTransport(configuration: place, certificate: certificate, delegate: listener)
            self.lanes = lanes
            listener.desk.withLock { $0 = self.desk }
            self.desk.connect(
                LaneDesk.Wiring(
                    lanes: lanes,
                    send: { [weak self] message, _ in self?.note(.said(message)) },
                    sendChunk: { [weak self] _, _, token in self?.note(.sentOverBulk(token)) },
                    delivered: { [weak self] token in self?.note(.delivered(token)) },
                    disconnect: { [weak self] _, _ in self?.note(.disconnected) },
                    later: { [weak self] seconds, action in self?.plans.withLock { $0.append((seconds, action)) } }
                )
            )
            let path = PeerPath(
                role: role,
                localFingerprint: certificate.fingerprint,
                remoteFingerprint: certificate.fingerprint
            )
            self.desk.opened(
                LaneDeskTests.connection,
                RTCPath(peer: path, localCandidate: candidate, remoteCandidate: candidate, isRelayed: false)
            )
        }

        private func note(_ act: Act) { self.acts.withLock { $0.append(act) } }

        /// What it did since it was asked last.
        func takeActs() -> [Act] {
            self.acts.withLock { acts in
                defer { acts = [] }
                return acts
            }
        }

        /// A lane is there, and three chunks are on their way.
        func open() {
            self.desk.seek(LaneDeskTests.connection)
            self.desk.laneOpened(LaneDeskTests.connection)
            for token in 1...3 {
                let header = FrameHeader(handle: 1, request: 1, chunk: ChunkIndex(token), offset: 0)
                let chunk = OutgoingChunk(headers: header.encoded(), payload: UploadBuffer(), size: 10)
                #expect(self.desk.send(LaneDeskTests.connection, chunk, token: UInt64(token)))
            }
            _ = self.takeActs()
        }

        deinit { self.lanes.shutdown() }
    }

    /// What the transport tells: of failures alone, the rest is what tests play.
    private final class Listener: LaneTransportDelegate {
        let desk = Mutex<LaneDesk?>(nil)

        func laneOpened(_ connection: ConnectionID) {}
        func laneFailed(_ connection: ConnectionID, reason: String) {
            self.desk.withLock { $0 }?.laneFailed(connection, reason: reason)
        }
        func laneClosed(_ connection: ConnectionID, received: UInt64, reason: String) {}
        func laneReceived(
            _ connection: ConnectionID,
            _ header: FrameHeader,
            payload: Int,
            part: Range<Int>,
            _ bytes: RawSpan
        ) {}
        func laneDelivered(_ connection: ConnectionID, frames: UInt64) {}
    }

    @Test func `who answered the connection offers to be dialled; who offered it waits`() throws {
        let responder = try Stage(role: .responder)
        responder.desk.seek(Self.connection)
        let said = responder.takeActs()
        guard case .said(.offer(_, let port))? = said.first, said.count == 1 else {
            Issue.record("\(said)")
            return
        }
        #expect(port > 0)
        let initiator = try Stage(role: .initiator)
        initiator.desk.seek(Self.connection)
        #expect(initiator.takeActs().isEmpty)
    }

    @Test func `what is on its way keeps its buffer until the peer has it`() throws {
        let stage = try Stage(role: .responder)
        stage.open()
        stage.desk.laneDelivered(Self.connection, frames: 2)
        #expect(stage.takeActs() == [.delivered(1), .delivered(2)])
        #expect(stage.desk.load == (1, 10))
    }

    @Test func `when a lane is gone, what has not come over it goes over bulk, once the peer has said what that is`()
        throws
    {
        let stage = try Stage(role: .responder)
        stage.open()
        stage.desk.laneDelivered(Self.connection, frames: 1)
        stage.desk.laneClosed(Self.connection, received: 7, reason: "cut")
        #expect(stage.takeActs() == [.delivered(1), .said(.closed(frames: 7))])
        #expect(!stage.desk.isOpen(Self.connection))
        stage.desk.received(.closed(frames: 2), from: Self.connection)
        #expect(stage.takeActs() == [.delivered(2), .sentOverBulk(3)])
        // After a while another lane is tried.
        let plan = stage.plans.withLock { $0.removeLast() }
        #expect(plan.seconds == 30)
        plan.action()
        guard case .said(.offer)? = stage.takeActs().first else {
            Issue.record("nothing was tried")
            return
        }
    }

    @Test func `the peer may see it first`() throws {
        let stage = try Stage(role: .responder)
        stage.open()
        stage.desk.received(.closed(frames: 3), from: Self.connection)
        stage.desk.laneClosed(Self.connection, received: 0, reason: "the peer has closed it")
        #expect(stage.takeActs() == [.said(.closed(frames: 0)), .delivered(1), .delivered(2), .delivered(3)])
    }

    @Test(arguments: [true, false]) func `a peer that never heard that the lane was open has got nothing`(
        isFirst: Bool
    ) throws {
        let stage = try Stage(role: .responder)
        stage.open()
        if isFirst { stage.desk.received(.refused, from: Self.connection) }
        stage.desk.laneClosed(Self.connection, received: 0, reason: "cut")
        if !isFirst { stage.desk.received(.refused, from: Self.connection) }
        #expect(stage.takeActs() == [.said(.closed(frames: 0)), .sentOverBulk(1), .sentOverBulk(2), .sentOverBulk(3)])
    }

    @Test(arguments: [0, 4, UInt64.max] as [UInt64])
    func `who counts wrong is left`(frames: UInt64) throws {
        let stage = try Stage(role: .responder)
        stage.open()
        stage.desk.laneDelivered(Self.connection, frames: 1)
        stage.desk.laneClosed(Self.connection, received: 0, reason: "cut")
        _ = stage.takeActs()
        stage.desk.received(.closed(frames: frames), from: Self.connection)
        #expect(stage.takeActs() == [.disconnected])
    }

    @Test func `who does not say what has come is left after a while`() throws {
        let stage = try Stage(role: .responder)
        stage.open()
        stage.desk.laneClosed(Self.connection, received: 0, reason: "cut")
        _ = stage.takeActs()
        let plan = stage.plans.withLock { $0.removeLast() }
        #expect(plan.seconds == 5)
        plan.action()
        #expect(stage.takeActs() == [.disconnected])
    }

    @Test func `who is refused listens in turn, and a peer that offers again at once is not dialled`() async throws {
        let stage = try Stage(role: .initiator)
        stage.desk.seek(Self.connection)
        // Nobody listens at the port of the discard service.
        stage.desk.received(.offer(token: Self.token, port: 9), from: Self.connection)
        while stage.acts.withLock({ $0.count }) < 2 { await Task.yield() }
        let said = stage.takeActs()
        #expect(said.first == .said(.refused))
        guard case .said(.offer)? = said.last else {
            Issue.record("\(said)")
            return
        }
        stage.desk.received(.refused, from: Self.connection)
        #expect(stage.takeActs().isEmpty)
        stage.desk.received(.offer(token: Self.token, port: 9), from: Self.connection)
        #expect(stage.takeActs() == [.said(.refused)])
    }

    @Test func `a peer behind a relay, or somewhere unknown, is not dialled`() throws {
        let stage = try Stage(role: .responder, candidate: "")
        stage.desk.seek(Self.connection)
        stage.desk.received(.offer(token: Self.token, port: 9), from: Self.connection)
        #expect(stage.takeActs() == [.said(.refused)])
    }

    @Test func `nothing goes over a lane that is not there`() throws {
        let stage = try Stage(role: .responder)
        let header = FrameHeader(handle: 1, request: 1, chunk: ChunkIndex(0), offset: 0)
        let chunk = OutgoingChunk(headers: header.encoded(), payload: UploadBuffer(), size: 10)
        #expect(!stage.desk.send(Self.connection, chunk, token: 1))
        stage.open()
        stage.desk.closed(Self.connection)
        #expect(!stage.desk.send(Self.connection, chunk, token: 1))
    }
}
