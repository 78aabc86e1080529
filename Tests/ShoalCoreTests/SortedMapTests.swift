import ShoalCore
import Testing

@Suite struct SortedMapTests {
    @Test(arguments: 0..<8 as Range<UInt64>)
    func `it does what a dictionary does, in the order of its keys`(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        var map = SortedMap<Int, Int>()
        var model: [Int: Int] = [:]
        for step in 0..<400 {
            let key = Int.random(in: 0..<40, using: &dice)
            switch Int.random(in: 0..<4, using: &dice) {
            case 0:
                map[key] = step
                model[key] = step
            case 1: #expect(map.removeValue(forKey: key) == model.removeValue(forKey: key), "seed \(seed)")
            case 2:
                map[key] = nil
                model[key] = nil
            default:
                let old = map.update(key) { value -> Int in
                    defer { value += 1 }
                    return value
                }
                #expect(old == model[key], "seed \(seed)")
                model[key]? += 1
            }
            #expect(map[key] == model[key], "seed \(seed)")
        }
        let sorted = model.sorted { $0.key < $1.key }
        #expect(map.keys == sorted.map(\.key), "seed \(seed)")
        #expect(map.values == sorted.map(\.value), "seed \(seed)")
        #expect(map.map(\.key) == map.keys, "seed \(seed)")
        #expect(map.count == model.count && map.isEmpty == model.isEmpty, "seed \(seed)")
        #expect(map.first?.key == sorted.first?.key, "seed \(seed)")
    }

    @Test func `a value is changed in place, and a key that is not there is not made`() {
        var map = SortedMap<String, [Int]>()
        map["b"] = [1]
        map["b"]?.append(2)
        map["a"]?.append(3)
        #expect(map.keys == ["b"] && map["b"] == [1, 2])
        #expect(map.update("a") { $0.append(4) } == nil)
        map["a"] = []
        map.updateAll { key, value in value.append(key == "a" ? 5 : 6) }
        #expect(map["a"] == [5] && map["b"] == [1, 2, 6])
    }
}
