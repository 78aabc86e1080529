/// The numbers of gossip, of signals through neighbours and of the mesh that they make. They bound what a node says and
/// does, whatever the number of nodes.
package struct GossipConfiguration: Hashable, Codable, Sendable {
    /// 2 min: what nobody renews is forgotten then. Ours is renewed every 45 s, so that one loss does not matter.
    package var timeToLive = Duration.seconds(120)
    package var renewal = Duration.seconds(45)

    /// 100–200 ms: changes within that time travel together; at random, so that neighbours do not all speak at once.
    package var grouping = Duration.milliseconds(100)...Duration.milliseconds(200)

    /// 5 s: how often one neighbour, each in turn, is told what we know, in up to 64 lines.
    package var digestInterval = Duration.seconds(5)
    package var digestItems = 64

    /// Our own changes go to 8 neighbours at once, those of others to 3: that reaches 10,000 nodes in 8 steps, and what
    /// it misses the digests find.
    package var ownFanout = 8
    package var relayFanout = 3

    /// Bytes for each second: of our own changes, of what is passed on (digests included), of answers to digests and
    /// wants. 2 KiB/s in all, however many nodes there are, and 8 KiB of each at once.
    package var ownRate = 768
    package var relayRate = 768
    package var answerRate = 512
    package var burst = 8 * 1024

    /// 16 inventories answer a digest: a newcomer learns so many from each neighbour at once.
    package var answersToDigest = 16

    /// 40 gossip messages for each second from one peer, 256 at once: what the rates above let a sender send is less.
    package var messageRate = 40
    package var messageBurst = 256

    /// 240 signatures for each second over all peers, 960 at once. An Ed25519 verification takes 60 µs: 1.5 % of a core.
    package var verificationRate = 240
    package var verificationBurst = 960

    /// Every 64th message that was ignored because its sender is too quick counts as malformed.
    package var ignoredPerFault = 64

    /// Signals: 2 for each second from one peer, 8 at once; 10 over all, 40 at once. At 8 KiB each that is 80 KiB/s.
    package var signalRate = 2
    package var signalBurst = 8
    package var signalTotalRate = 10
    package var signalTotalBurst = 40

    /// 20 connections are enough for a swarm of thousands; more are for those who come, and for shards that no
    /// connected peer has.
    package var targetNeighbours = 20

    /// Once a second, give or take a quarter, we look whether there is somebody worth connecting to: 4 at a time.
    package var meshRound = Duration.seconds(1)
    package var contactsAtOnce = 4

    /// 8 s from our offer to the answer: two relays, and a second for each side to gather candidates.
    package var answerLimit = Duration.seconds(8)

    /// 5 s, then twice as long each time up to 10 min, until the same node is tried again.
    package var backoff = Duration.seconds(5)...Duration.seconds(600)

    /// A connection makes place for another once in 10 s at most, and not in its first 30 s.
    package var replacementInterval = Duration.seconds(10)
    package var replacementAge = Duration.seconds(30)

    /// 4 s: a connection that has not opened by then makes place for a newer one when there are too many. Most open
    /// within one; those that are made to fill the places never do.
    package var attemptGrace = Duration.seconds(4)

    /// 3 offers that came through the same neighbour are being answered at once.
    package var offersPerRelay = 3

    package init() {}
}
