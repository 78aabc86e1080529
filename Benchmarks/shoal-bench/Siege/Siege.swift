import Foundation
import HostilePeers
import ShoalCore
import ShoalFormats
import ShoalSignaling
import ShoalSwarm

/// What strangers do to a seeder or to its tracker while an honest peer fetches.
enum Siege: String, CaseIterable, Sendable {
    case silence
    case visits
    case rubbish
    case lurking
    case cancels
    case offers
    case announces
    case slowTracker = "slow-tracker"
    case halfMessages = "half-messages"
    case slowSocket = "slow-socket"

    /// For the table.
    var description: String {
        switch self {
        case .silence: "200 at a time connect, and never say `hello`"
        case .visits: "20 at a time connect, and leave at once"
        case .rubbish: "20 at a time connect, and send 16 messages of 64 KiB of rubbish"
        case .lurking: "60 at a time prove a key, share no swarm, and stay"
        case .cancels: "a member asks for 512 chunks 50 times a second, and cancels them"
        case .offers: "20 sockets announce the swarm ten times a second, with 10 offers that lead nowhere"
        case .announces: "200 sockets announce five swarms each, ten times a second"
        case .slowTracker: "250 sockets send their handshake to the tracker a byte a second"
        case .halfMessages: "250 sockets send the tracker 60 kB of a message, and no more"
        case .slowSocket: "64 connections to the node's socket send half a message"
        }
    }

    /// Where it takes place.
    struct Ground: Sendable {
        let tracker: TrackerURL
        let link: MagnetLink
        /// The seeder's.
        let home: String
        /// Of a stranger who needs one, or a folder of many.
        let strangersHome: String
    }

    /// Strangers who are not there yet.
    func besieger(of ground: Ground) async throws -> any Besieger {
        switch self {
        case .silence: try self.mob(.silence, of: ground, places: 200)
        case .visits: try self.mob(.comingAndGoing, of: ground, places: 20)
        case .rubbish: try self.mob(.rubbish, of: ground, places: 20)
        case .lurking: try self.mob(.lurking(homes: ground.strangersHome), of: ground, places: 60)
        case .cancels: try Canceller(ground)
        case .offers: try await RawCrowd.offers(ground)
        case .announces: try RawCrowd.announces(ground)
        case .slowTracker: RawCrowd.slowHandshakes(ground)
        case .halfMessages: RawCrowd.halfMessages(ground)
        case .slowSocket: RawCrowd.halfRequests(ground)
        }
    }

    private func mob(_ purpose: Mob.Purpose, of ground: Ground, places: Int) throws -> Mob {
        try Mob(purpose, at: ground.tracker, infoHash: ground.link.infoHash, places: places, visits: .max)
    }
}

/// Strangers at their work.
protocol Besieger: Sendable {
    func begin() async throws
    /// Returns when all of them are gone.
    func end() async
    /// What they have got done so far, for the table.
    var deeds: String { get }
}

extension Mob: Besieger {
    func begin() { self.start() }

    func end() async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                self.disperse()
                continuation.resume()
            }
        }
    }

    var deeds: String {
        let tally = self.tally
        return "\(tally.attempts) offers, \(tally.opened) connections, \(tally.ended) ended"
    }
}
