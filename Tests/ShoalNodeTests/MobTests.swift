import Dispatch
import HostilePeers
import ShoalCore
import ShoalFormats
import ShoalSignaling
import ShoalSwarm
import TestSupport
import Testing

@testable import ShoalNode

/// A node that strangers come to in crowds, while honest peers want something of it.
@Suite(.serialized, .timeLimit(.minutes(1))) struct MobTests {
    /// Runs with a seeder of 16 places, to which `purpose` has brought a mob and where nobody stays for more than 3 s without a swarm.
    private func besieged(
        by purpose: Mob.Purpose,
        places: Int,
        visits: Int,
        ended: Int,
        _ script: (Scene, TestNode, MagnetLink) async throws -> Void
    ) async throws {
        try await inScene { scene in
            let model = try scene.model()
            let configuration = MeshConfiguration().with(\.maximumConnections, 16).with(\.joinLimit, .seconds(3))
            let seeder = try scene.node("seeder", configuration: configuration)
            _ = try seeder.node.add(model, link: model.link, fetches: false)
            try await seeder.announced(at: 0)
            let tallies = Journal<Mob.Tally>()
            let mob = try Mob(
                purpose,
                at: scene.alley.url,
                infoHash: model.link.infoHash,
                places: places,
                visits: visits
            ) {
                tallies.note($0)
            }
            mob.start()
            do {
                try await tallies.first("enough of a mob") { $0.ended >= ended ? () : nil }
                try await script(scene, seeder, model.link)
            } catch {
                await Self.disperse(mob)
                throw error
            }
            await Self.disperse(mob)
        }
    }

    @Test func `crowds that never say hello take the places of strangers, and no others`() async throws {
        try await self.besieged(by: .silence, places: 20, visits: 200, ended: 5) {
            scene,
            seeder,
            link in
            #expect(await seeder.node.connectionBudget().used <= 10)
            try await self.fetch(link, in: scene)
            #expect(await seeder.node.connectionBudget().used <= 11)
        }
    }

    @Test func `crowds that come and go leave nothing behind`() async throws {
        try await self.besieged(by: .comingAndGoing, places: 20, visits: 60, ended: 40) {
            scene,
            seeder,
            link in
            try await self.fetch(link, in: scene)
            #expect(await seeder.node.connectionBudget().used <= 11)
        }
    }

    @Test func `crowds that prove a key and share no swarm have to go`() async throws {
        let homes = try TemporaryFolder()
        try await self.besieged(by: .lurking(homes: homes("strangers")), places: 20, visits: 200, ended: 5) {
            scene,
            seeder,
            link in
            #expect(await seeder.node.connectionBudget().used <= 10)
            try await self.fetch(link, in: scene)
            #expect(await seeder.node.connectionBudget().used <= 11)
        }
    }

    @Test func `crowds that talk nonsense are dropped at once`() async throws {
        try await self.besieged(by: .rubbish, places: 20, visits: 200, ended: 20) {
            scene,
            seeder,
            link in
            try await self.fetch(link, in: scene)
            #expect(seeder.events.entries.allSatisfy { if case .failed = $0 { false } else { true } })
        }
    }

    private func fetch(_ link: MagnetLink, in scene: Scene) async throws {
        let fetcher = try scene.node("fetcher", visitsAlley: false)
        let fetched = try fetcher.node.add(link)
        try await fetcher.finished(fetched)
    }

    private static func disperse(_ mob: Mob) async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                mob.disperse()
                continuation.resume()
            }
        }
    }
}
