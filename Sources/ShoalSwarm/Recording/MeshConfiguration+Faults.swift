import ShoalCore
import ShoalWire

extension MeshConfiguration {
    /// 1 day: no wait of a node is longer.
    private static let longest = Duration.seconds(86_400)
    /// 1,000,000: no node counts so many of anything.
    private static let most = 1_000_000

    /// What no node can have been configured with; nil for one that can. A machine does not check it: its node's owner
    /// wrote it, but anybody may have written a recording.
    var fault: String? {
        let durations = [
            self.handshakeLimit, self.joinLimit, self.connectLimit, self.offerLifetime, self.announceInterval,
            self.offerWait,
            self.acknowledgeLimit, self.takeLimit, self.uploadTenure, self.partialInterval,
            self.chunkDeadlineRange.lowerBound, self.chunkDeadlineRange.upperBound, self.firstChunkDeadline,
            self.hashesLimit, self.stallLimit, self.owingPing, self.busyPing, self.idlePing, self.quietLimit,
            self.suspectLimit, self.busySilence, self.idleSilence, self.oversleep, self.recheckPause,
            self.replicationInterval, self.fetcherMemory, self.courtesyTime,
        ]
        if let wrong = durations.first(where: { !(Duration.zero...Self.longest).contains($0) }) {
            return "a time of \(wrong)"
        }
        let counts = [
            self.maximumConnections, self.maximumHandshakes, self.offersPerAnnounce, self.offersAtOnce, self.room,
            self.trialWindow, self.chunksPerRequest, self.servedHashLists, self.uploadSlots.lowerBound,
            self.uploadSlots.upperBound, self.uploadTenureChunks,
            self.servesAtOnce, self.servesAtOncePerPeer, self.partialPeers, self.replicas, self.replicatesAtOnce,
            self.malformedLimit, self.shardsAtOnce, self.shardsBegun,
        ]
        if let wrong = counts.first(where: { !(0...Self.most).contains($0) }) { return "a number of \(wrong)" }
        guard self.windowRange.lowerBound >= 1, self.windowRange.upperBound <= Self.most else {
            return "a window of \(self.windowRange.lowerBound) to \(self.windowRange.upperBound) chunks"
        }
        guard self.chunksPerRequest <= Int(UInt16.max) else { return "\(self.chunksPerRequest) chunks in a request" }
        if let fault = self.limits.fault { return fault }
        guard self.agent.utf8.count <= WireLimits.agent else { return "an agent of \(self.agent.utf8.count) bytes" }
        return self.gossip.fault
    }
}

extension GossipConfiguration {
    /// As ``MeshConfiguration/fault``.
    fileprivate var fault: String? {
        let durations = [
            self.renewal, self.grouping.lowerBound, self.grouping.upperBound, self.digestInterval, self.meshRound,
            self.answerLimit, self.backoff.lowerBound, self.backoff.upperBound, self.replacementInterval,
            self.replacementAge, self.attemptGrace,
        ]
        if let wrong = durations.first(where: { !(Duration.zero...Duration.seconds(86_400)).contains($0) }) {
            return "a time of \(wrong) in gossip"
        }
        let lives = Duration.milliseconds(Int64(WireLimits.timeToLive.upperBound))
        guard (Duration.milliseconds(1)...lives).contains(self.timeToLive) else {
            return "inventories that live for \(self.timeToLive)"
        }
        guard (1...WireLimits.digestItems).contains(self.digestItems) else { return "digests of \(self.digestItems)" }
        let rates = [
            self.ownRate, self.relayRate, self.answerRate, self.burst, self.messageRate, self.messageBurst,
            self.verificationRate, self.verificationBurst, self.signalRate, self.signalBurst, self.signalTotalRate,
            self.signalTotalBurst, self.ignoredPerFault,
        ]
        if let wrong = rates.first(where: { !(1...1_000_000_000).contains($0) }) { return "a rate of \(wrong)" }
        let counts = [
            self.ownFanout, self.relayFanout, self.answersToDigest, self.targetNeighbours, self.contactsAtOnce,
            self.offersPerRelay,
        ]
        if let wrong = counts.first(where: { !(0...1_000_000).contains($0) }) {
            return "a number of \(wrong) in gossip"
        }
        return nil
    }
}
