import NIOCore
import ShoalCore
import ShoalSwarm

@testable import ShoalSignaling

/// A registry with sockets 1, 2, … and a clock that stands still until it is set.
struct RegistryDriver {
    var registry: TrackerRegistry
    var now = Instant.zero

    init(sockets: Int, seed: UInt64 = 1, _ configure: (inout TrackerRegistry.Configuration) -> Void = { _ in }) {
        var configuration = TrackerRegistry.Configuration()
        configure(&configuration)
        self.registry = TrackerRegistry(configuration: configuration, seed: seed)
        self.open(1...max(1, sockets), from: "10.0.0.1")
    }

    /// Opens sockets of one address; the first are those of 10.0.0.1.
    mutating func open(_ sockets: ClosedRange<Int>, from address: String) {
        for socket in sockets { _ = self.handle(.socketOpened(SocketID(UInt64(socket)), from: .sample(address))) }
    }

    mutating func handle(_ input: TrackerRegistry.Input) -> [TrackerRegistry.Effect] {
        var effects: [TrackerRegistry.Effect] = []
        self.registry.handle(input, at: self.now, into: &effects)
        return effects
    }

    mutating func send(_ request: TrackerRequest, from socket: Int) -> [TrackerRegistry.Effect] {
        self.handle(.received(request, from: SocketID(UInt64(socket))))
    }

    @discardableResult
    mutating func announce(_ announce: TrackerAnnounce, from socket: Int) -> [TrackerRegistry.Effect] {
        self.send(.announce(announce), from: socket)
    }
}

extension TrackerAddress {
    static func sample(_ text: String) -> TrackerAddress {
        guard let address = try? SocketAddress(ipAddress: text, port: 1) else {
            preconditionFailure("\(text) is no address")
        }
        return TrackerAddress(address)
    }
}

extension SocketID: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: UInt64) { self.init(value) }
}

extension [TrackerRegistry.Effect] {
    /// The sockets to which offers of that peer go, in order.
    func receivers(ofOffersBy peer: Int) -> [Int] {
        self.compactMap { effect in
            guard case .send(.offer(_, let from, _), let socket) = effect, from == Sample.peerID(peer) else {
                return nil
            }
            return Int(socket.rawValue)
        }
    }
}
