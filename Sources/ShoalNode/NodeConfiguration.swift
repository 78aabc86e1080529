package import CoreMetrics
package import ShoalSignaling
package import ShoalSwarm
import ShoalTransport

/// What a node is told when it starts.
package struct NodeConfiguration: Sendable {
    /// Where WebRTC sockets are bound; `127.0.0.1` keeps all traffic on this machine. Nil: every interface but loopback.
    package var bindAddress: String?
    /// Where swarms are announced that are added without trackers of their own.
    package var trackers: [TrackerURL] = []
    /// PEM file of a private authority that signs trackers' certificates.
    package var trackerAuthority: String?
    /// STUN and TURN servers.
    package var iceServers: [String] = []
    package var mesh = MeshConfiguration()
    /// Where direct lanes are dialled; 0: the system chooses a port. Nil: there are none, all goes over WebRTC.
    package var directLanePort: Int? = 0
    /// Up to how many bytes of a model this node holds by copying shards that few others have, where it does not fetch
    /// all of it; nil: it copies none.
    package var replicationBudget: Int?
    /// Threads that hash and read and write.
    package var diskThreads = 4
    /// Where metrics go; to nowhere by default.
    package var metrics: any MetricsFactory = NOOPMetricsHandler.instance
    /// Nil: what happens is not written down.
    package var recording: RecordingOptions?

    package init() {}

    var rtc: RTCConfiguration {
        var rtc = RTCConfiguration()
        rtc.bindAddress = self.bindAddress
        rtc.iceServers = self.iceServers
        return rtc
    }
}
