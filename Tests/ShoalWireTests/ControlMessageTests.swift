import ShoalCore
import ShoalWire
import TestVectors
import Testing

@Suite struct ControlMessageTests {
    @Test(arguments: WireVectors.all.messages.indices)
    func `a message is written and read as its vector says`(index: Int) throws {
        let vector = WireVectors.all.messages[index]
        #expect(vector.control.encoded() == vector.bytes, "\(vector.name)")
        #expect(try ControlMessage(decoding: vector.bytes.span.bytes) == vector.control, "\(vector.name)")
        #expect(vector.control.body.name == vector.message.type)
    }

    @Test(arguments: WireVectors.all.unknown.indices)
    func `a type of a later version is read as unknown, whatever follows it`(index: Int) throws {
        let vector = WireVectors.all.unknown[index]
        let message = try ControlMessage(decoding: [UInt8](hex: vector.hex).span.bytes)
        #expect(message == ControlMessage(handle: vector.handle, .unknown(type: vector.type)), "\(vector.name)")
    }

    @Test(arguments: WireVectors.all.refused.indices)
    func `a malformed message is refused for its fault`(index: Int) {
        let vector = WireVectors.all.refused[index]
        let error = #expect(throws: WireError.self, "\(vector.name)") {
            try ControlMessage(decoding: vector.bytes.span.bytes)
        }
        if let error {
            #expect(vector.names(error), "\(vector.name): \(error)")
            #expect(!error.description.isEmpty)
        }
    }

    @Test(arguments: WireVectors.all.messages.indices)
    func `every prefix of a message is refused, or is another message`(index: Int) {
        let bytes = WireVectors.all.messages[index].bytes
        // Of the longest messages every 61st, which no length of an element divides.
        for count in stride(from: 0, to: bytes.count, by: bytes.count > 2_000 ? 61 : 1) {
            Self.expectOneSpelling(Array(bytes.prefix(count)))
        }
    }

    @Test(arguments: 0..<16 as Range<UInt64>)
    func `a mutated message is refused, or is another message`(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        for vector in WireVectors.all.messages where vector.fill == nil {
            for _ in 0..<20 {
                var bytes = vector.bytes
                bytes[Int.random(in: 0..<bytes.count, using: &dice)] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
                Self.expectOneSpelling(bytes)
            }
        }
    }

    /// Bytes that are accepted are the only spelling of what they say.
    private static func expectOneSpelling(_ bytes: [UInt8]) {
        guard let message = try? ControlMessage(decoding: bytes.span.bytes) else { return }
        if case .unknown = message.body { return }
        #expect(message.encoded() == bytes)
    }

    @Test func `text longer than every peer accepts is not sent`() async {
        await #expect(processExitsWith: .failure) {
            let hello = Hello(
                session: 1,
                nonce: Nonce(bytes: [UInt8](repeating: 0, count: 32))!,
                publicKey: PublicKey(bytes: [UInt8](repeating: 0, count: 32))!,
                maximumRequests: 1,
                maximumChunks: 1,
                agent: String(repeating: "a", count: WireLimits.agent + 1)
            )
            _ = ControlMessage(.hello(hello)).encoded()
        }
    }

    @Test func `a message longer than every peer accepts is not sent`() async {
        await #expect(processExitsWith: .failure) {
            let bytes = [UInt8](repeating: 0, count: WireLimits.controlMessage)
            _ = ControlMessage(handle: 1, .manifestPart(offset: 0, total: 1, bytes: bytes)).encoded()
        }
    }

    @Test func `a type that is unknown is not sent`() async {
        await #expect(processExitsWith: .failure) { _ = ControlMessage(handle: 1, .unknown(type: 0x60)).encoded() }
    }
}
