import ShoalCore
import Testing

@Suite struct BitfieldTests {
    @Test func `bit 0 is the top bit of byte 0`() {
        var field = Bitfield(count: 10)
        field[0] = true
        field[9] = true
        #expect(field.bytes == [0x80, 0x40])
        #expect(field[0] && !field[1] && field[9])
        #expect(Array(field.setBits) == [0, 9])
        #expect(Array(field.clearBits) == Array(1...8))
    }

    @Test(arguments: [0, 1, 7, 8, 9, 16, 131_072])
    func `a full field has every bit, an empty one none`(count: Int) {
        let full = Bitfield.full(count: count)
        #expect(full.isFull && full.setCount == count)
        #expect(full.bytes.count == (count + 7) / 8)
        #expect(Bitfield(count: count, bytes: full.bytes) == full, "no spare bit is set")
        let empty = Bitfield(count: count)
        #expect(empty.isEmpty && empty.setCount == 0)
        #expect(empty.isFull == (count == 0))
    }

    @Test func `bytes that do not fit the count, or set a spare bit, are no field`() {
        #expect(Bitfield(count: 9, bytes: [0xFF]) == nil)
        #expect(Bitfield(count: 8, bytes: [0xFF, 0]) == nil)
        #expect(Bitfield(count: -1, bytes: []) == nil)
        for spare in 0..<7 as Range<UInt8> {
            #expect(Bitfield(count: 9, bytes: [0, 1 << spare]) == nil)
        }
        #expect(Bitfield(count: 9, bytes: [0, 0x80])?.setCount == 1)
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `the count of set bits is kept, whatever is set and cleared`(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...200, using: &dice)
        var field = Bitfield(count: count)
        var model = Set<Int>()
        for _ in 0..<500 {
            let bit = Int.random(in: 0..<count, using: &dice)
            let value = Bool.random(using: &dice)
            field[bit] = value
            if value { model.insert(bit) } else { model.remove(bit) }
            #expect(field.setCount == model.count, "seed \(seed)")
        }
        #expect(Array(field.setBits) == model.sorted(), "seed \(seed)")
        #expect(Bitfield(count: count, bytes: field.bytes) == field, "seed \(seed)")
    }

    @Test func `a field is a subset of one that has all its bits, and beyond the end of the other there are none`() {
        let few = Bitfield(count: 16, bytes: [0b0010_0000, 0])!
        let more = Bitfield(count: 16, bytes: [0b0110_0000, 1])!
        #expect(few.isSubset(of: more) && !more.isSubset(of: few) && more.isSubset(of: more))
        #expect(few.isSubset(of: Bitfield(count: 8, bytes: [0b0010_0000])!))
        #expect(!more.isSubset(of: Bitfield(count: 8, bytes: [0b0110_0000])!))
        #expect(Bitfield(count: 0).isSubset(of: Bitfield(count: 0)))
    }

    @Test func `a union has the bits of both`() {
        var field = Bitfield(count: 9, bytes: [0b1000_0001, 0])!
        field.formUnion(Bitfield(count: 9, bytes: [0b1100_0000, 0x80])!)
        #expect(field == Bitfield(count: 9, bytes: [0b1100_0001, 0x80]))
        #expect(field.setCount == 4)
    }

    @Test func `a bit that is not there cannot be read`() async {
        await #expect(processExitsWith: .failure) { _ = Bitfield(count: 8)[8] }
    }
}
