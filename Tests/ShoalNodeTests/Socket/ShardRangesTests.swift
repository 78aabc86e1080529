import ShoalCore
import Testing

@testable import ShoalNode

@Suite struct ShardRangesTests {
    @Test(arguments: [("0", [0]), ("0-2", [0, 1, 2]), ("7,0-1,1", [0, 1, 7]), ("5-5", [5])])
    func `numbers and ranges name shards`(text: String, shards: [Int]) throws {
        #expect(Array(try ShardRanges(parsing: text).field(count: 8).setBits) == shards)
    }

    @Test(arguments: [
        "", ",", "1,", "-1", "1-", "2-1", "1-2-3", "a", "0x1", "1 ", "١", "131072", "99999999999999999999",
    ])
    func `anything else is refused with an example`(text: String) {
        let error = #expect(throws: NodeFailure.self) { _ = try ShardRanges(parsing: text) }
        #expect(error?.message.contains("0-15,40") == true)
    }

    @Test func `as many ranges as are allowed are read, and one more is not`() throws {
        let most = Array(repeating: "1", count: ShardRanges.most).joined(separator: ",")
        #expect(try ShardRanges(parsing: most).field(count: 2).setCount == 1)
        #expect(throws: NodeFailure.self) { _ = try ShardRanges(parsing: most + ",1") }
    }

    @Test func `a shard that the model does not have is named`() throws {
        let error = #expect(throws: NodeFailure.self) { _ = try ShardRanges(parsing: "3-8").field(count: 8) }
        #expect(error?.message.contains("no shard 8") == true)
    }
}
