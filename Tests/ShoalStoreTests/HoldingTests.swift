import Foundation
import ShoalCore
import ShoalFormats
import TestSupport
import Testing

@testable import ShoalStore

/// What a home holds: lists, names, removals, and files of a model by choice.
@Suite struct HoldingTests {
    @Test func `a list has every model, the latest first, with what the index knows and what it does not`() throws {
        let folder = try TemporaryFolder()
        let publisher = try Publisher()
        let own = try folder.write("own.bin", pattern(300_000))
        let (external, received): (ManifestID, ManifestID)
        do {
            let store = try folder.store()
            external = try store.publish(path: own).id
            let model = try publisher.receiver(store)
            received = model.id
            try model.receive(from: publisher.model) { $0 < 128 }
            _ = try model.synchronize()
            try store.remember(MagnetLink(manifestID: external, name: "Own"))
        }
        let store = try folder.store()
        let listed = try store.list()
        #expect(listed.map(\.id) == [received, external])
        #expect(listed.map(\.name) == [nil, "Own"])
        #expect(listed.map(\.format) == [.files, .files])
        #expect(listed.map(\.totalBytes) == [publisher.model.manifest.totalSize, 300_000])
        #expect(listed.map(\.residentBytes) == [16 << 20, 300_000])
        #expect(listed.map(\.fileCount) == [3, 1])
        #expect(listed.map(\.externalFileCount) == [0, 1])
        #expect(listed.allSatisfy { $0.lastUsed != nil })
    }

    @Test func `a home without an index lists what is in its folder`() throws {
        let folder = try TemporaryFolder()
        let publisher = try Publisher()
        do { _ = try publisher.receiver(try folder.store()) }
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: folder("home/index.sqlite\(suffix)"))
        }
        let listed = try #require(try folder.store().list().first)
        #expect(listed.id == publisher.model.id)
        #expect(listed.totalBytes == publisher.model.manifest.totalSize)
        #expect(listed.residentBytes == nil && listed.lastUsed == nil)
    }

    @Test func `a link is kept, and a later one adds to it`() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        let id = try store.publish(path: try folder.write("own.bin", [1, 2, 3])).id
        #expect(try store.link(to: id) == MagnetLink(manifestID: id))
        try store.remember(MagnetLink(manifestID: id, name: "One", trackers: ["ws://a"]))
        try store.remember(MagnetLink(manifestID: id))
        #expect(try store.link(to: id) == MagnetLink(manifestID: id, name: "One", trackers: ["ws://a"]))
        try store.remember(MagnetLink(manifestID: id, name: "Two"))
        #expect(try store.link(to: id) == MagnetLink(manifestID: id, name: "Two", trackers: ["ws://a"]))
        // Of a model that is not here nothing is kept.
        let stranger = ManifestID(Digest(sha256Of: [1]))
        try store.remember(MagnetLink(manifestID: stranger, name: "?"))
        #expect(try store.link(to: stranger).name == nil)
    }

    @Test func `a model is named by its link, its ID or the beginning of it`() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        var ids: [ManifestID] = []
        for seed in 1...40 as ClosedRange<UInt64> {
            ids.append(try store.publish(path: try folder.write("\(seed)", pattern(10, seed: seed))).id)
        }
        for id in ids {
            #expect(try store.model(named: id.hex) == id)
            #expect(try store.model(named: id.hex.uppercased()) == id)
            #expect(try store.model(named: MagnetLink(manifestID: id).text) == id)
            #expect(try store.model(named: String(id.hex.prefix(12))) == id)
        }
        for name in ["", "abc", "not hex", "magnet:?xt=urn:btih:00"] {
            #expect(code { _ = try store.model(named: name) } == .badName)
        }
        #expect(code { _ = try store.model(named: String(repeating: "0", count: 16)) } == .missing)
        // Two folders whose names begin alike.
        let twins = ["aaaaaaaa0", "aaaaaaaa1"].map { $0 + String(repeating: "0", count: 55) }
        for twin in twins {
            try FileManager.default.createDirectory(
                atPath: folder("home/models/\(twin)"),
                withIntermediateDirectories: true
            )
        }
        let error = #expect(throws: StoreError.self) { try store.model(named: "aaaaaaaa") }
        #expect(error?.message.contains("names 2 models: \(twins[0]), \(twins[1])") == true)
        #expect(try store.model(named: "aaaaaaaa1").hex == twins[1])
    }

    @Test func `a removed model is gone, says how much room it made, and can come again`() throws {
        let folder = try TemporaryFolder()
        let publisher = try Publisher()
        let store = try folder.store()
        let model = try publisher.receiver(store)
        try model.receive(from: publisher.model)
        _ = try model.synchronize()
        let removed = try store.remove(model.id)
        #expect(removed.freedBytes >= (16 << 20) + 500_000)
        #expect(removed.externalPaths.isEmpty)
        #expect(try store.list().isEmpty)
        #expect(try store.open(model.id) == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("home/models")).isEmpty)
        #expect(code { _ = try store.remove(model.id) } == .missing)
        let again = try publisher.receiver(store)
        #expect(again !== model && again.state.verifiedBytes == 0)
    }

    @Test func `a removal that a crash cut short is finished by the next start`() throws {
        let folder = try TemporaryFolder()
        let publisher = try Publisher()
        do {
            let store = try folder.store()
            _ = try publisher.receiver(store)
            // The folder has lost its name, and that is all that was done.
            _ = try store.folder.takeAway(publisher.model.id)
        }
        let store = try folder.store()
        #expect(try store.list().isEmpty)
        #expect(try store.open(publisher.model.id) == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("home/models")).isEmpty)
    }

    @Test func `some of the files are compared and copied when only they are here`() throws {
        let publisher = try Publisher()
        let folder = try TemporaryFolder()
        let model = try publisher.receiver(try folder.store())
        let last = model.manifest.shards(of: [1])
        try model.receive(from: publisher.model) { number in
            last[model.chunks[number].shard.position]
        }
        _ = try model.synchronize()
        try model.finish(files: [1])
        try model.export(to: folder("copy"), files: [1])
        #expect(try contents(of: folder("copy/b.bin")) == Publisher.files["b.bin"])
        #expect(!FileManager.default.fileExists(atPath: folder("copy/a")))
        #expect(code { try model.finish(files: [0, 1]) } == .incomplete)
        #expect(code { try model.export(to: folder("copy"), files: [0]) } == .incomplete)
        #expect(code { try model.finish() } == .incomplete)
        #expect(model.verifiedBytes(of: last) == 200_000)
        #expect(model.verifiedBytes(of: .full(count: 3)) == 200_000)
    }
}
