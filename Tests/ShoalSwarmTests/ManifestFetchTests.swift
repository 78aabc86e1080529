import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

@Suite struct ManifestFetchTests {
    private static let part = WireLimits.manifestPart

    private func receive(
        _ fetch: inout ManifestFetch,
        _ offset: Int,
        of total: Int,
        count: Int? = nil
    )
        -> ManifestFetch.Progress
    {
        let length = count ?? min(Self.part, total - offset)
        return fetch.received(
            offset: UInt32(offset),
            total: UInt32(total),
            bytes: [UInt8](repeating: 1, count: length),
            at: .zero
        )
    }

    @Test func `the first part is waited for, then four are outstanding`() {
        var fetch = ManifestFetch(source: ConnectionID(1), at: .zero)
        #expect(fetch.nextOffsets() == [0])
        #expect(fetch.nextOffsets().isEmpty)
        let total = 6 * Self.part + 1
        #expect(self.receive(&fetch, 0, of: total) == .more)
        #expect(fetch.nextOffsets() == [1, 2, 3, 4].map { UInt32($0 * Self.part) })
        #expect(self.receive(&fetch, Self.part, of: total) == .more)
        #expect(fetch.nextOffsets() == [UInt32(5 * Self.part)])
    }

    @Test(arguments: [1, 16_383, 16_384, 16_385, 50_000]) func `a manifest of any size is whole at its last part`(
        total: Int
    ) {
        var fetch = ManifestFetch(source: ConnectionID(1), at: .zero)
        var wanted = fetch.nextOffsets()
        var last = ManifestFetch.Progress.more
        while !wanted.isEmpty {
            #expect(last == .more)
            last = self.receive(&fetch, Int(wanted.removeFirst()), of: total)
            wanted += fetch.nextOffsets()
        }
        #expect(last == .whole([UInt8](repeating: 1, count: total)))
        #expect(fetch.isBeingChecked)
    }

    @Test func `parts that were not asked for, out of order, of another total or length are nonsense`() {
        let total = 3 * Self.part
        var unasked = ManifestFetch(source: ConnectionID(1), at: .zero)
        #expect(self.receive(&unasked, 0, of: total) == .nonsense)
        var fetch = ManifestFetch(source: ConnectionID(1), at: .zero)
        _ = fetch.nextOffsets()
        #expect(self.receive(&fetch, Self.part, of: total) == .nonsense)
        #expect(self.receive(&fetch, 0, of: total, count: 10) == .nonsense)
        #expect(self.receive(&fetch, 0, of: total) == .more)
        _ = fetch.nextOffsets()
        #expect(self.receive(&fetch, Self.part, of: total + 1) == .nonsense)
        #expect(self.receive(&fetch, Self.part, of: total) == .more)
    }
}
