import NIOCore
import ShoalCore
import Testing

@testable import ShoalSignaling

/// Each bound of the door, at and above, and what comes back with time.
struct TrackerDoorTests {
    private static let home = Self.address(1)
    private static let other = Self.address(2)

    /// 192.0.2.`number`.
    private static func address(_ number: UInt8) -> TrackerAddress {
        TrackerAddress(try? SocketAddress(packedIPAddress: ByteBuffer(bytes: [192, 0, 2, number]), port: 1))
    }

    private func door(_ configure: (inout TrackerDoor.Configuration) -> Void) -> TrackerDoor {
        var configuration = TrackerDoor.Configuration()
        configure(&configuration)
        return TrackerDoor(configuration: configuration)
    }

    @Test
    func `the defaults are what the documentation says`() {
        let configuration = TrackerDoor.Configuration()
        #expect(configuration.maximumSocketsPerAddress == 256)
        #expect(configuration.connections == .init(perSecond: 10, burst: 256))
        #expect(configuration.socketMessages == .init(perSecond: 50, burst: 1000))
        #expect(configuration.socketBytes == .init(perSecond: 262_144, burst: 8_388_608))
        #expect(configuration.addressMessages == .init(perSecond: 200, burst: 4000))
        #expect(configuration.addressBytes == .init(perSecond: 1_048_576, burst: 33_554_432))
        #expect(configuration.refusals == .init(perSecond: 10, burst: 1000))
        #expect(configuration.answeredRefusals == .init(perSecond: 1, burst: 1))
        #expect(configuration.maximumHeldBytes == 67_108_864)
        #expect(configuration.maximumAbsentAddresses == 20_000)
    }

    @Test
    func `more sockets for an address are more of everything, and one is no less than a socket has`() {
        var configuration = TrackerDoor.Configuration()
        configuration.allow(socketsPerAddress: 512)
        #expect(configuration.maximumSocketsPerAddress == 512)
        #expect(configuration.connections == .init(perSecond: 20, burst: 512))
        #expect(configuration.addressMessages == .init(perSecond: 400, burst: 8000))
        #expect(configuration.addressBytes == .init(perSecond: 2_097_152, burst: 67_108_864))
        configuration.allow(socketsPerAddress: 1)
        #expect(configuration.connections == .init(perSecond: 1, burst: 1))
        #expect(configuration.addressMessages == configuration.socketMessages)
        #expect(configuration.addressBytes == configuration.socketBytes)
    }

    @Test
    func `an address has so many sockets, and another one has its own`() {
        var door = self.door { $0.maximumSocketsPerAddress = 2 }
        let results = [1, 2, 3].map { door.open(SocketID($0), from: Self.home, at: .zero) }
        #expect(results == [true, true, false])
        let stranger = door.open(4, from: Self.other, at: .zero)
        #expect(stranger)
        door.close(3, at: .zero)
        let tooMany = door.open(5, from: Self.home, at: .zero)
        #expect(!tooMany)
        door.close(1, at: .zero)
        let again = door.open(6, from: Self.home, at: .zero)
        #expect(again)
    }

    @Test
    func `opening and closing again and again is turned away`() {
        var door = self.door { $0.connections = .init(perSecond: 1, burst: 3) }
        var results: [Bool] = []
        for socket in 1...5 as ClosedRange<UInt64> {
            results.append(door.open(SocketID(socket), from: Self.home, at: .zero))
            door.close(SocketID(socket), at: .zero)
        }
        #expect(results == [true, true, true, false, false])
        let later = door.open(9, from: Self.home, at: .zero + .seconds(1))
        #expect(later)
    }

    @Test
    func `who holds most makes room when all together hold too much`() {
        var door = self.door { $0.maximumHeldBytes = 1000 }
        for socket in 1...3 as ClosedRange<UInt64> {
            let isOpen = door.open(SocketID(socket), from: Self.home, at: .zero)
            #expect(isOpen)
        }
        let isOpen = door.open(4, from: Self.other, at: .zero)
        #expect(isOpen)
        let upToTheLimit = [(1, 300), (2, 400), (3, 100), (4, 100), (4, 200)].map { door.hold($1, by: $0) }
        #expect(upToTheLimit == [[], [], [], [], []])
        // Two addresses may keep 375 each; the largest go first, and no more than needed.
        let excess = door.hold(101, by: 3)
        #expect(excess == [2, 1])
        // 301 of 1000 are left.
        let others = door.hold(899, by: 4)
        #expect(others == [])
    }

    @Test
    func `what ends or leaves is held no longer`() {
        var door = self.door { $0.maximumHeldBytes = 1000 }
        for socket in 1...2 as ClosedRange<UInt64> {
            let isOpen = door.open(SocketID(socket), from: Self.home, at: .zero)
            #expect(isOpen)
        }
        let excess = [(1, 900), (1, 0), (2, 900)].map { door.hold($1, by: $0) }
        #expect(excess == [[], [], []])
        door.close(2, at: .zero)
        let again = door.hold(1000, by: 1)
        #expect(again == [])
        let stranger = door.hold(5000, by: 9)
        #expect(stranger == [])
    }

    @Test
    func `messages beyond the rate of a socket are refused once a second, dropped, and end it`() {
        var door = self.door {
            $0.socketMessages = .init(perSecond: 1, burst: 2)
            $0.refusals = .init(perSecond: 1, burst: 3)
        }
        for socket in [1, 2] as [SocketID] { _ = door.open(socket, from: Self.home, at: .zero) }
        let verdicts = (0..<6).map { _ in door.charge(10, to: 1, at: .zero) }
        let refusal = TrackerDoor.Verdict.refuse(
            "more than 1 messages a second from this connection: announce less often"
        )
        #expect(verdicts == [.pass, .pass, refusal, .drop, .drop, .close])
        let neighbour = door.charge(10, to: 2, at: .zero)
        #expect(neighbour == .pass)
        let later = door.charge(10, to: 1, at: .zero + .seconds(1))
        #expect(later == .pass)
    }

    @Test
    func `sockets of one address share its rate`() {
        var door = self.door { $0.addressMessages = .init(perSecond: 1, burst: 2) }
        for socket in 1...3 as ClosedRange<UInt64> { _ = door.open(SocketID(socket), from: Self.home, at: .zero) }
        _ = door.open(4, from: Self.other, at: .zero)
        let verdicts = ([1, 2, 3, 4] as [SocketID]).map { door.charge(10, to: $0, at: .zero) }
        let refusal = TrackerDoor.Verdict.refuse("more than 1 messages a second from this address: announce less often")
        #expect(verdicts == [.pass, .pass, refusal, .pass])
    }

    @Test(arguments: [100, 101])
    func `bytes have a rate, of a socket and of an address`(count: Int) {
        var own = self.door { $0.socketBytes = .init(perSecond: 10, burst: 100) }
        var shared = self.door { $0.addressBytes = .init(perSecond: 10, burst: 100) }
        _ = own.open(1, from: Self.home, at: .zero)
        _ = shared.open(1, from: Self.home, at: .zero)
        let verdicts = [own.charge(count, to: 1, at: .zero), shared.charge(count, to: 1, at: .zero)]
        let refusals = ["connection", "address"].map {
            TrackerDoor.Verdict.refuse("more than 10 bytes a second from this \($0): announce less often")
        }
        #expect(verdicts == (count > 100 ? refusals : [.pass, .pass]))
    }

    @Test
    func `coming back does not fill an address's buckets`() {
        var door = self.door { $0.addressMessages = .init(perSecond: 1, burst: 1) }
        _ = door.open(1, from: Self.home, at: .zero)
        let first = door.charge(10, to: 1, at: .zero)
        #expect(first == .pass)
        door.close(1, at: .zero)
        _ = door.open(2, from: Self.home, at: .zero)
        let second = door.charge(10, to: 2, at: .zero)
        #expect(second != .pass)
    }

    @Test
    func `addresses that left are forgotten when they have rested, or when there are too many`() {
        var door = self.door { $0.maximumAbsentAddresses = 2 }
        for number in 1...3 as ClosedRange<UInt8> {
            _ = door.open(SocketID(UInt64(number)), from: Self.address(number), at: .zero)
            door.close(SocketID(UInt64(number)), at: .zero)
        }
        #expect(door.addressCount == 3)
        _ = door.open(4, from: Self.address(4), at: .zero)
        #expect(door.addressCount == 1)
        door.close(4, at: .zero + .seconds(60))
        #expect(door.addressCount == 0)
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("2001:db8::1", "2001:db8::ffff:2", true), ("2001:db8::1", "2001:db8:0:1::1", false),
        ("::1", "0.0.0.0", false),
    ])
    func `an address is an IPv4 address or a network of IPv6`(first: String, second: String, areOne: Bool) throws {
        let addresses = try [first, second].map { TrackerAddress(try SocketAddress(ipAddress: $0, port: 1)) }
        #expect((addresses[0] == addresses[1]) == areOne)
    }
}
