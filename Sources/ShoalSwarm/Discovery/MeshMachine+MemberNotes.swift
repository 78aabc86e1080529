import ShoalCore

/// What a node's SDPs say to other members of the swarm when a tracker carries them.
extension MeshMachine {
    /// `sdp` with a note that we are a member.
    func noted(
        _ sdp: String,
        _ kind: MemberNote.Kind,
        of offerID: OfferID,
        by peerID: PeerID,
        in swarm: Swarm,
        at now: Instant
    ) -> String {
        let sentAt = self.gossip.clock.milliseconds(at: now)
        let message = MemberNote.message(kind, peerID: peerID, offerID: offerID, sentAt: sentAt, sdp: sdp)
        let code = self.authenticator.authenticationCode(of: message, key: swarm.description.secret)
        return MemberNote(sentAt: sentAt, code: code).appended(to: sdp)
    }

    /// Connections that are on their way because of this author's notes.
    func memberAttempts(of author: PeerID) -> Int {
        self.attempts.values.count { attempt in
            guard attempt.isMembers, case .tracker(_, author) = attempt.answerTo?.way else { return false }
            return true
        }
    }

    /// What a tracker brought, without the note, and whether a member made it: the note fits, is of our time, and did not
    /// come before.
    mutating func read(
        _ text: String,
        _ kind: MemberNote.Kind,
        of offerID: OfferID,
        by peerID: PeerID,
        in swarm: Swarm,
        at now: Instant
    ) -> (sdp: String, isMembers: Bool) {
        let (sdp, note) = MemberNote.split(text)
        guard let note, self.gossip.clock.accepts(note.sentAt, at: now) else { return (sdp, false) }
        let message = MemberNote.message(kind, peerID: peerID, offerID: offerID, sentAt: note.sentAt, sdp: sdp)
        let code = self.authenticator.authenticationCode(of: message, key: swarm.description.secret)
        return (sdp, code == note.code && self.believedNotes.isFirst(note))
    }
}
