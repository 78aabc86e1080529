import ShoalCore
import ShoalFormats
import Testing

@Suite struct HashListTests {
    @Test func `the SHA-256 of abc is that of FIPS 180-4`() {
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(Digest(sha256Of: Array("abc".utf8)).hex == hex)
    }

    @Test func `the root of one chunk is its digest`() {
        let digest = Digest(sha256Of: [1, 2, 3])
        let list = HashList(digests: [digest])
        #expect(list.root == digest)
        #expect(HashList(bytes: digest.bytes, of: ShardID(size: 3, root: digest)) == list)
    }

    @Test func `the root of several chunks is the digest of their list`() {
        let digests = [[1], [2], [3]].map { Digest(sha256Of: $0) }
        let list = HashList(digests: digests)
        #expect(list.root == Digest(sha256Of: digests.flatMap(\.bytes)))
        #expect((0..<3).map { list[ChunkIndex($0 as Int)] } == digests)
        #expect(list.count == 3)
    }

    @Test func `a list that gives the root is accepted, a changed one is not`() {
        let list = HashList(digests: [[1], [2]].map { Digest(sha256Of: $0) })
        let shard = ShardID(size: Cutting.chunkSize + 1, root: list.root)
        #expect(HashList(bytes: list.bytes, of: shard) == list)
        var changed = list.bytes
        changed[40] ^= 1
        #expect(HashList(bytes: changed, of: shard) == nil)
    }

    @Test(arguments: [0, 31, 32, 63, 65, 96])
    func `a list of the wrong length is refused`(length: Int) {
        let bytes = [UInt8](repeating: 7, count: length)
        let shard = ShardID(size: Cutting.chunkSize + 1, root: Digest(sha256Of: bytes))
        #expect(HashList(bytes: bytes, of: shard) == nil)
    }

    @Test func `a hash list is also a shard of one chunk, and only the size tells them apart`() {
        let list = HashList(digests: [[1], [2]].map { Digest(sha256Of: $0) })
        let twin = HashList(digests: [Digest(sha256Of: list.bytes)])
        #expect(twin.root == list.root)
        #expect(HashList(bytes: list.bytes, of: ShardID(size: 64, root: list.root)) == nil)
    }

    @Test(arguments: [(1, 32), (131_072, 32), (131_073, 64), (67_108_864, 16_384)])
    func `the length of a list follows from the size of its shard`(size: Int, length: Int) {
        #expect(HashList.byteCount(ofShardOf: size) == length)
    }

    @Test func `the largest list has 512 digests`() async {
        let digest = Digest(sha256Of: [])
        #expect(HashList(digests: Array(repeating: digest, count: 512)).bytes.count == 16_384)
        await #expect(processExitsWith: .failure) {
            _ = HashList(digests: Array(repeating: Digest(sha256Of: []), count: 513))
        }
    }
}
