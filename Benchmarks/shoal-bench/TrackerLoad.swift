import Dispatch
import Foundation
import NIOPosix
import ShoalCore
import ShoalSignaling
import ShoalSwarm
import Synchronization

/// Clients of one tracker, each with a socket and a peer of its own, that announce themselves in turn. Used by one thread.
struct TrackerLoad {
    /// What came of a run.
    struct Run {
        var seconds: Double
        /// From each announce to its reply, in ascending order; never empty.
        var times: [Duration]
        /// Offers that the tracker handed on.
        var offers: Int

        func time(atShare share: Double) -> Duration {
            self.times[min(Int(share * Double(self.times.count)), self.times.count - 1)]
        }
    }

    /// 128 sockets are opened at a time: the tracker's listen queue holds 256.
    private static let batch = 128
    /// As libtorrent's: 584 bytes and the quotes around them.
    private static let sdp = String(repeating: "a=candidate\r\n", count: 45)

    private let clients: [TrackerClient]
    private let announces: [TrackerRequest]
    private let ledger: TrackerLedger

    init(url: String, sockets: Int, swarms: Int, offers: Int) throws {
        let url = try TrackerURL(url)
        var generator = SeededGenerator(seed: 1)
        let infoHashes = (0..<swarms).map { _ in InfoHash.random(using: &generator) }
        self.announces = (0..<sockets).map { number in
            .announce(
                TrackerAnnounce(
                    infoHash: infoHashes[number % swarms],
                    peerID: .random(using: &generator),
                    left: 1,
                    offers: (0..<offers).map { _ in
                        TrackerOffer(offerID: .random(using: &generator), sdp: Self.sdp)
                    }
                )
            )
        }
        let ledger = TrackerLedger(clients: sockets)
        self.clients = try (0..<sockets).map { number in
            var configuration = TrackerClient.Configuration()
            configuration.connectTimeout = .seconds(30)
            configuration.upgradeTimeout = .seconds(30)
            return try TrackerClient(
                url: url,
                configuration: configuration,
                group: MultiThreadedEventLoopGroup.singleton
            ) { ledger.happened($0, to: number) }
        }
        self.ledger = ledger
    }

    /// Opens every socket and announces its peer once.
    func open() throws {
        for first in stride(from: 0, to: self.clients.count, by: Self.batch) {
            let batch = first..<min(first + Self.batch, self.clients.count)
            for number in batch { self.clients[number].connect() }
            try self.ledger.wait(for: "connections") { $0.connected == batch.upperBound }
            for number in batch { try self.announce(number) }
            try self.ledger.wait(for: "replies") { $0.times.count == batch.upperBound }
        }
        self.ledger.reset()
    }

    /// Lets the clients announce themselves in turn, at a steady rate, and waits for the last replies. One whose last
    /// announce has no reply yet is a failure: the tracker does not keep up.
    func run(announces: Int, seconds: Int) throws -> Run {
        let start = ContinuousClock.now
        let total = announces * seconds
        var sent = 0
        while sent < total {
            let due = min(total, Int((ContinuousClock.now - start) / .seconds(1) * Double(announces)))
            while sent < due {
                try self.announce(sent % self.clients.count)
                sent += 1
            }
            // 1 ms: a batch is an announce at the usual rate.
            Thread.sleep(forTimeInterval: 0.001)
        }
        try self.ledger.wait(for: "replies") { $0.times.count == total }
        let time = (ContinuousClock.now - start) / .seconds(1)
        let (times, offers) = self.ledger.figures
        return Run(seconds: time, times: times.sorted(), offers: offers)
    }

    func close() {
        for client in self.clients { client.close() }
    }

    private func announce(_ number: Int) throws {
        try self.ledger.asks(number)
        try self.clients[number].send(self.announces[number])
    }
}

/// What the clients of a ``TrackerLoad`` were told, from any thread.
private final class TrackerLedger: Sendable {
    struct State: Sendable {
        var connected = 0
        /// When each client's announce went out; nil when it was answered.
        var asked: [ContinuousClock.Instant?]
        var times: [Duration] = []
        var offers = 0
        var problem: String?
    }

    private let state: Mutex<State>
    private let news = DispatchSemaphore(value: 0)

    init(clients: Int) { self.state = Mutex(State(asked: Array(repeating: nil, count: clients))) }

    var figures: (times: [Duration], offers: Int) { self.state.withLock { ($0.times, $0.offers) } }

    func happened(_ event: TrackerClient.Event, to client: Int) {
        let now = ContinuousClock.now
        let isNews = self.state.withLock { state in
            switch event {
            case .connected: state.connected += 1
            case .message(.announced):
                guard let asked = state.asked[client].take() else { return false }
                state.times.append(now - asked)
            case .message(.offer):
                state.offers += 1
                return false
            case .message(.failure(let reason, _)): state.problem = state.problem ?? "the tracker refused: \(reason)"
            case .message: return false
            case .malformed(let reason), .closed(let reason): state.problem = state.problem ?? reason
            }
            return true
        }
        if isNews { self.news.signal() }
    }

    func asks(_ client: Int) throws {
        let isOpen = self.state.withLock { state in
            defer { state.asked[client] = .now }
            return state.asked[client] != nil
        }
        guard !isOpen else { throw BenchmarkError("the tracker does not keep up: an announce has no reply yet") }
    }

    /// Returns when `condition` holds; fails at the first problem, and when nothing happens for 30 s.
    func wait(for what: String, until condition: (State) -> Bool) throws {
        while true {
            let (isTrue, problem) = self.state.withLock { (condition($0), $0.problem) }
            if let problem { throw BenchmarkError(problem) }
            if isTrue { return }
            guard self.news.wait(timeout: .now() + .seconds(30)) == .success else {
                throw BenchmarkError("the tracker left \(what) out for 30 s")
            }
        }
    }

    func reset() {
        self.state.withLock { state in
            state.times = []
            state.offers = 0
        }
    }
}
