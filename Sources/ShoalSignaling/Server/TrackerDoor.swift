package import ShoalCore

/// Who may come in, and how often they may speak: the bounds that hold before a message is even read.
///
/// Limits are for a socket, so that one client does not crowd out the others, and for an address, so that opening more
/// sockets gains nothing. What is too much is told once a second, else dropped unread; who goes on is shown out.
package struct TrackerDoor: Sendable {
    /// So many at once, and then so many a second.
    package struct Rate: Hashable, Sendable {
        package var perSecond: Int
        package var burst: Int

        package init(perSecond: Int, burst: Int) {
            self.perSecond = perSecond
            self.burst = burst
        }

        /// How long `count` tokens take to come.
        func time(for count: Int) -> Duration { .nanoseconds(Int64(count) * 1_000_000_000 / Int64(self.perSecond)) }
    }

    /// Decision 19 has the reasons.
    package struct Configuration: Hashable, Sendable {
        /// Sockets of one address at a time.
        package var maximumSocketsPerAddress = 256
        /// New connections of one address: a TLS handshake costs more than any message.
        package var connections = Rate(perSecond: 10, burst: 256)
        /// Messages and pings of one socket. The burst is an announce for each of the peers that a socket may stand for.
        package var socketMessages = Rate(perSecond: 50, burst: 1000)
        /// Bytes of one socket. 10 offers are 7 KB.
        package var socketBytes = Rate(perSecond: 256 * 1024, burst: 8 * 1024 * 1024)
        /// Messages and pings of one address.
        package var addressMessages = Rate(perSecond: 200, burst: 4000)
        /// Bytes of one address.
        package var addressBytes = Rate(perSecond: 1024 * 1024, burst: 32 * 1024 * 1024)
        /// Messages that one socket may send in vain.
        package var refusals = Rate(perSecond: 10, burst: 1000)
        /// Of those, the ones that are answered.
        package var answeredRefusals = Rate(perSecond: 1, burst: 1)
        /// Bytes of messages and handshakes that are not whole, of all sockets together.
        package var maximumHeldBytes = 64 * 1024 * 1024
        /// Addresses without a socket that are remembered until their buckets are full. Beyond it all are forgotten.
        package var maximumAbsentAddresses = 20_000

        package init() {}

        /// Lets an address have `count` sockets, and everything else of an address in proportion: for trackers behind a
        /// proxy, whose clients all have its address.
        package mutating func allow(socketsPerAddress count: Int) {
            let now = self.maximumSocketsPerAddress
            func scale(_ rate: Rate, atLeast own: Rate = Rate(perSecond: 1, burst: 1)) -> Rate {
                Rate(
                    perSecond: max(own.perSecond, rate.perSecond * count / now),
                    burst: max(own.burst, rate.burst * count / now)
                )
            }
            self.connections = scale(self.connections)
            self.addressMessages = scale(self.addressMessages, atLeast: self.socketMessages)
            self.addressBytes = scale(self.addressBytes, atLeast: self.socketBytes)
            self.maximumSocketsPerAddress = count
        }
    }

    package enum Verdict: Hashable, Sendable {
        case pass
        /// The reason is for the sender.
        case refuse(String)
        /// It was told a moment ago.
        case drop
        /// It does not stop.
        case close
    }

    private struct Socket {
        let address: TrackerAddress
        /// Bytes of what is not whole.
        var held = 0
        var messages = TokenBucket()
        var bytes = TokenBucket()
        var refusals = TokenBucket()
        var answers = TokenBucket()
    }

    private struct Address {
        var sockets = 0
        var connections = TokenBucket()
        var messages = TokenBucket()
        var bytes = TokenBucket()

        func isRested(at now: Instant) -> Bool {
            self.sockets == 0 && self.connections.isFull(at: now) && self.messages.isFull(at: now)
                && self.bytes.isFull(at: now)
        }
    }

    private let configuration: Configuration
    private var sockets: [SocketID: Socket] = [:]
    private var addresses: [TrackerAddress: Address] = [:]
    /// Of all sockets.
    private var heldBytes = 0

    package init(configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// How many addresses are known, those without a socket included.
    package var addressCount: Int { self.addresses.count }

    /// A connection was accepted. False when it is one too many of its address, or comes too soon.
    package mutating func open(_ socket: SocketID, from address: TrackerAddress, at now: Instant) -> Bool {
        self.sweepIfFull(at: now)
        var entry = self.addresses[address] ?? Address()
        defer { self.addresses[address] = entry }
        guard entry.connections.take(of: self.configuration.connections, at: now),
            entry.sockets < self.configuration.maximumSocketsPerAddress
        else { return false }
        entry.sockets += 1
        self.sockets[socket] = Socket(address: address)
        return true
    }

    /// A connection ended; nothing happens when it was not let in.
    package mutating func close(_ socket: SocketID, at now: Instant) {
        guard let own = self.sockets.removeValue(forKey: socket) else { return }
        self.heldBytes -= own.held
        self.addresses[own.address]?.sockets -= 1
        if self.addresses[own.address]?.isRested(at: now) == true { self.addresses[own.address] = nil }
    }

    /// A message or a ping of so many bytes came.
    package mutating func charge(_ byteCount: Int, to socket: SocketID, at now: Instant) -> Verdict {
        guard var own = self.sockets[socket], var shared = self.addresses[own.address] else { return .drop }
        defer {
            self.sockets[socket] = own
            self.addresses[own.address] = shared
        }
        let limits = self.configuration
        let excess: String? =
            if !own.messages.take(of: limits.socketMessages, at: now) {
                "\(limits.socketMessages.perSecond) messages a second from this connection"
            } else if !shared.messages.take(of: limits.addressMessages, at: now) {
                "\(limits.addressMessages.perSecond) messages a second from this address"
            } else if !own.bytes.take(byteCount, of: limits.socketBytes, at: now) {
                "\(limits.socketBytes.perSecond) bytes a second from this connection"
            } else if !shared.bytes.take(byteCount, of: limits.addressBytes, at: now) {
                "\(limits.addressBytes.perSecond) bytes a second from this address"
            } else {
                nil
            }
        guard let excess else { return .pass }
        guard own.refusals.take(of: limits.refusals, at: now) else { return .close }
        guard own.answers.take(of: limits.answeredRefusals, at: now) else { return .drop }
        return .refuse("more than \(excess): announce less often")
    }

    /// So many bytes are kept now of what a socket sent and is not whole. Returns whom to close, because all together are kept
    /// too many: an address may keep its equal part of three quarters of the limit.
    package mutating func hold(_ byteCount: Int, by socket: SocketID) -> [SocketID] {
        guard let held = self.sockets[socket]?.held else { return [] }
        self.sockets[socket]?.held = byteCount
        self.heldBytes += byteCount - held
        guard self.heldBytes > self.configuration.maximumHeldBytes else { return [] }

        let holders = Dictionary(grouping: self.sockets.filter { $0.value.held > 0 }, by: \.value.address)
        let part = self.configuration.maximumHeldBytes / 4 * 3 / holders.count
        var excess: [SocketID] = []
        for sockets in holders.values {
            var rest = sockets.reduce(0) { $0 + $1.value.held }
            for (socket, state) in sockets.sorted(by: { $0.value.held > $1.value.held }) where rest > part {
                rest -= state.held
                excess.append(socket)
            }
        }
        for socket in excess {
            self.heldBytes -= self.sockets[socket]?.held ?? 0
            self.sockets[socket]?.held = 0
        }
        return excess
    }

    /// Addresses that left are remembered while their buckets fill; when there are too many, none is.
    private mutating func sweepIfFull(at now: Instant) {
        let limit = self.configuration.maximumAbsentAddresses
        guard self.addresses.count - self.sockets.count > limit else { return }
        self.addresses = self.addresses.filter { !$0.value.isRested(at: now) }
        guard self.addresses.count - self.sockets.count > limit else { return }
        self.addresses = self.addresses.filter { $0.value.sockets > 0 }
    }
}
