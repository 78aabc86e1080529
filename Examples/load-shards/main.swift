// Loads some of a model out of its swarm, as an engine would: the first shard whole, a range of the last one, and the
// first expert of the last layer if there is one.
//
//     load-shards LINK FOLDER [BIND-ADDRESS]
//
// The link names the tracker; the folder is the node's home, in which what was loaded stays.

import Foundation
import Shoal

/// What the program does, between its arguments and its exit code.
func loadShards(of link: String, home: String, bindAddress: String?) async throws {
    var options = LocalNode.Options(home: home)
    options.bindAddress = bindAddress
    let node = try await LocalNode.start(options)
    do {
        let loader = try await node.open(link)
        print("model \(loader.model.id): \(loader.model.shardSizes.count) shards")

        // Both at the same time; each is fetched once, whoever else asks for it.
        let last = loader.model.shardSizes.count - 1
        async let first = loader.loadShard(0, deadline: .seconds(60))
        async let end = loader.loadRange(last, 0..<min(1_000, loader.model.shardSizes[last]), priority: .critical)
        print("shard 0: \(try await first.count) bytes")
        print("the beginning of shard \(last): \(try await end.count) bytes")

        if let experts = loader.model.experts {
            let layer = experts.layers - 1
            print("expert 0 of layer \(layer): \(try await loader.loadExpert(layer, 0).count) bytes")
        }
        let progress = await loader.progress()
        print("\(progress.verifiedBytes) of \(progress.totalBytes) bytes are here, \(progress.peers) peers connected")
    } catch {
        await node.stop()
        throw error
    }
    await node.stop()
}

let arguments = CommandLine.arguments.dropFirst()
guard (2...3).contains(arguments.count) else {
    FileHandle.standardError.write(Data("usage: load-shards LINK FOLDER [BIND-ADDRESS]\n".utf8))
    exit(2)
}
do {
    try await loadShards(
        of: arguments[1],
        home: arguments[2],
        bindAddress: arguments.count == 3 ? arguments[3] : nil
    )
} catch {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(1)
}
