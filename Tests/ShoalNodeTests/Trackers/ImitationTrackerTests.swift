import ShoalCore
import ShoalSignaling
import ShoalStore
import ShoalSwarm
import TestSupport
import Testing

@testable import ShoalNode

/// Two real nodes find each other through trackers that are not ours, each known one and each quirk alone.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ImitationTrackerTests {
    private static let started = HeardMessage.Event.named("started")

    /// A seeder and a fetcher that know nothing but `trackers`; returns when the fetcher has the model and both are gone.
    /// The seeder comes first, or, when `isLonely` is there to wait for, after that.
    private func fetch(at trackers: [TrackerURL], isLonely: (() async throws -> Void)? = nil) async throws {
        let folder = try TemporaryFolder()
        try folder.write("source/a", Weights.bytes(200_000))
        let seeder = try TestNode(home: folder("seeder"), trackers: trackers, mesh: .init())
        let fetcher = try TestNode(home: folder("fetcher"), trackers: trackers, mesh: .init())
        let outcome: Result<Void, any Error>
        do {
            let model = try seeder.store.publish(path: folder("source"))
            let fetched: SwarmHandle
            if let isLonely {
                fetched = try fetcher.node.add(model.link)
                try await isLonely()
                _ = try seeder.node.add(model, link: model.link, fetches: false)
            } else {
                _ = try seeder.node.add(model, link: model.link, fetches: false)
                try await seeder.announced(at: trackers.count - 1)
                fetched = try fetcher.node.add(model.link)
            }
            try await fetcher.finished(fetched)
            let copy = try #require(fetcher.node.model(of: fetched))
            #expect(copy.state.durable.isFull)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await fetcher.stop()
        await seeder.stop()
        try outcome.get()
    }

    @Test(arguments: Imitation.all)
    func `nodes meet at every tracker that is in use, which finds no fault with them`(
        imitation: Imitation
    ) async throws {
        try await ImitationTracker.with(imitation.quirks) { tracker in
            try await self.fetch(at: [tracker.url])
            try await tracker.heard.wait(for: "two goodbyes") { heard in
                heard.count { $0.message.event == .named("stopped") } == 2 ? () : nil
            }
            #expect(tracker.complaints.entries == [])
            #expect(tracker.announces(Self.started).count == 2)
            #expect(tracker.announces(.named("completed")).map(\.message.left) == [0])
            let answers = tracker.heard.entries.filter { $0.message.answer != nil }
            #expect(!answers.isEmpty)
            #expect(answers.allSatisfy { $0.message.event == .absent && $0.message.left != nil })
            for (_, message) in tracker.announces(Self.started) { #expect(message.numwant == message.offers.count) }
        }
    }

    /// A fetcher without peers comes back after 2 s, and that is an update.
    @Test(arguments: Imitation.all + Imitation.strictOnEvents)
    func `an update harms nobody, wherever it is said`(imitation: Imitation) async throws {
        try await ImitationTracker.with(imitation.quirks) { tracker in
            try await self.fetch(at: [tracker.url]) {
                try await tracker.heard.wait(for: "a second announce") { $0.count >= 2 ? () : nil }
            }
            #expect(tracker.complaints.entries == [])
            let first = tracker.heard.entries.prefix(2)
            #expect(first.map(\.message.event) == [Self.started, .absent])
            #expect(Set(first.map(\.socket)).count == 1)
        }
    }

    @Test(arguments: Imitation.singly)
    func `nodes meet in spite of every quirk`(imitation: Imitation) async throws {
        try await ImitationTracker.with(imitation.quirks) { tracker in
            try await self.fetch(at: [tracker.url])
            #expect(tracker.complaints.entries == [])
        }
    }

    @Test func `every socket gets a new peer ID, so that no old socket holds it`() async throws {
        var quirks = Imitation.aquatic.quirks
        quirks.cutAnnounces = 2
        try await ImitationTracker.with(quirks) { tracker in
            try await self.fetch(at: [tracker.url])
            let introductions = tracker.announces(Self.started)
            #expect(introductions.count >= 4)
            #expect(Set(introductions.map(\.socket)).count == introductions.count)
            #expect(Set(introductions.map(\.message.peer)).count == introductions.count)
        }
    }

    @Test func `nodes that a tracker keeps apart by address family meet at another`() async throws {
        var quirks = Imitation.aquatic.quirks
        quirks.splitsFamilies = true
        try await ImitationTracker.with(quirks) { split in
            try await ImitationTracker.with(Imitation.reference.quirks) { whole in
                try await self.fetch(at: [split.url, whole.url])
                #expect(Set(split.announces(Self.started).map { $0.socket % 2 }) == [0, 1])
                #expect(split.heard.entries.allSatisfy { $0.message.answer == nil })
                #expect(split.complaints.entries == [])
                #expect(whole.complaints.entries == [])
            }
        }
    }
}
