/// The numbers of the mesh, each with its reason. A machine never changes them.
package struct MeshConfiguration: Hashable, Codable, Sendable {
    /// Whether frames may take a direct lane: there is somebody who makes them.
    package var hasDirectLane = false

    /// 50: a swarm of thousands stays connected at a fraction of it, and each connection costs a socket and a thread's
    /// attention.
    package var maximumConnections = 50

    /// 10: connections whose other side has not yet said who it is, or shares no swarm; libtorrent's bound for the first.
    package var maximumHandshakes = 10

    /// 5 s: a foreign WebTorrent client never says `hello`.
    package var handshakeLimit = Duration.seconds(5)

    /// 10 s: who shares no swarm with us is of no use, and takes a place; `join` comes within a round trip.
    package var joinLimit = Duration.seconds(10)

    /// 20 s: ICE on a bad network takes some seconds; later nobody answers.
    package var connectLimit = Duration.seconds(20)

    /// 2 min: how long an unanswered offer is offered again before its NAT binding is surely gone.
    package var offerLifetime = Duration.seconds(120)

    /// 5 offers for each announce: the cap of the reference client.
    package var offersPerAnnounce = 5

    /// 15 offers at once, over all trackers and swarms: each is a connection with a socket.
    package var offersAtOnce = 15

    /// 30 s between announces.
    package var announceInterval = Duration.seconds(30)

    /// 300 ms: how long the first announce waits for offers that are being gathered.
    package var offerWait = Duration.milliseconds(300)

    /// 96 chunks (12 MiB): the node's room for chunks that are asked for and not yet stored.
    package var room = 96

    /// 8 chunks of the room (a quarter at most), and as many beyond each peer's window, are kept for what is urgent or
    /// late.
    package var urgentRoom: Int { min(8, self.room / 4) }

    /// 2…32 chunks in flight for each peer. With 4 a transfer on two busy cores reached 0.65 of the bare channel's rate,
    /// with 8 it was 0.81 (`make bench`); more only delay every `ping` behind them.
    package var windowRange = 2...32

    /// 1 chunk at a time until one is verified: a liar costs little.
    package var trialWindow = 1

    /// 8: how many chunks one of our requests asks for at most.
    package var chunksPerRequest = 8

    /// What we promise in `hello`: requests kept for a peer, and chunks that one may ask for.
    package var servedRequests: UInt16 = 64
    package var servedChunks: UInt16 = 64

    /// 16 hash lists of a swarm that a peer may be waiting for: as many as we would ask for at once.
    package var servedHashLists = 16

    /// 3 to 16 peers are served at once, as the uplink allows (``UploadSlots``); more get `busy`.
    package var uploadSlots = 3...16

    /// 64 chunks (8 MiB) or 5 s: while others wait, that is how long a peer keeps its slot. Coming back takes a second.
    package var uploadTenureChunks = 64
    package var uploadTenure = Duration.seconds(5)

    /// 3 chunks are being read and sent for each peer, the next while one is sent; 32 (4 MiB) over all peers, so that
    /// those who take nothing do not hold up the others.
    package var servesAtOnce = 32
    package var servesAtOncePerPeer = 3

    /// 5 s after its last frame a peer that acknowledges nothing loses its upload slot.
    package var acknowledgeLimit = Duration.seconds(5)

    /// 15 s: a peer that asked for chunks and takes none of their bytes for that long is closed, as it holds up others.
    package var takeLimit = Duration.seconds(15)

    /// What the owner limits at the start (``MeshInput/limit(_:)`` changes it): nothing.
    package var limits = TransferLimits()

    /// 250 ms: how often `partial` tells of new chunks, each time 10 peers in turn: so it costs no more with 50.
    package var partialInterval = Duration.milliseconds(250)
    package var partialPeers = 10

    /// 500 ms, two notices of new chunks: for how long a peer whose uplink is the limit is left to other fetchers when
    /// nothing but their portion is left.
    package var courtesyTime = Duration.milliseconds(500)

    /// A chunk is late after four times what the peer's chunks take on average, within these limits.
    package var chunkDeadlineRange = Duration.milliseconds(250)...Duration.seconds(5)

    /// 2 s: the same for a peer whose speed is not known; it may be serving nine others.
    package var firstChunkDeadline = Duration.seconds(2)

    /// 2 s for a hash list, at most 16 KiB; then another peer is asked.
    package var hashesLimit = Duration.seconds(2)

    /// 20 s: a peer that owes chunks, is alive and sends none is given up.
    package var stallLimit = Duration.seconds(20)

    /// `ping` after 200 ms without a byte from a peer that owes chunks, after 500 ms from one that we serve, every 2 s to
    /// others.
    package var owingPing = Duration.milliseconds(200)
    package var busyPing = Duration.milliseconds(500)
    package var idlePing = Duration.seconds(2)

    /// 500 ms without a byte, and with two pings unanswered: what the peer owes is asked of others as well.
    package var quietLimit = Duration.milliseconds(500)

    /// 1.5 s: what it owes is taken back from it.
    package var suspectLimit = Duration.milliseconds(1_500)

    /// Dead after 3 s of silence of a peer with work. An idle one may be silent for longer: nothing is lost with it.
    package var busySilence = Duration.seconds(3)
    package var idleSilence = Duration.seconds(7)

    /// 1 s: when timers are that late it was this node that slept, and nobody's silence is held against it.
    package var oversleep = Duration.seconds(1)

    /// 2 s after wrong bytes a peer is asked for nothing, so that it can look at its copy and withdraw it.
    package var recheckPause = Duration.seconds(2)

    /// 3 copies of each shard are the goal of replication; 5 to 7.5 s between looks, 2 shards copied at once.
    package var replicas = 3
    package var replicationInterval = Duration.seconds(5)
    package var replicatesAtOnce = 2

    /// 3: the malformed message with which a peer is dropped.
    package var malformedLimit = 3

    /// 10 s without news of what it has: a peer does not fetch, and no portion of the chunks is left to it.
    package var fetcherMemory = Duration.seconds(10)

    /// 16 shards are received at once from each peer, 64 in all; those that an engine waits for besides.
    package var shardsAtOnce = 16
    package var shardsBegun = 64

    /// Implementation and version, shown to peers.
    package var agent = "shoal"

    /// Of gossip, signals through neighbours, and whom to connect to.
    package var gossip = GossipConfiguration()

    package init() {}
}
