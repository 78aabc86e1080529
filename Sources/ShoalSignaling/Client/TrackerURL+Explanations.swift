import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// What went wrong with a tracker, for people: what happened, and what to do about it.
extension TrackerURL {
    func explanation(ofConnecting error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            // Several addresses may have been tried; the first says it best, for "localhost" all say the same.
            guard let failure = error.connectionErrors.first else {
                return "cannot find \(self.host): check the name in \(self) and the network"
            }
            return self.explanation(ofConnecting: failure.error)
        case ChannelError.connectTimeout:
            return "no answer from \(self): is the address right, and does a firewall let it through?"
        case let error as IOError where error.errnoCode == ECONNREFUSED:
            return "connection refused by \(self): is the tracker running?"
        case let error as IOError where error.errnoCode == ENETUNREACH || error.errnoCode == EHOSTUNREACH:
            return "no route to \(self): check the network"
        default:
            return "cannot connect to \(self): \(error)"
        }
    }

    func explanation(ofHandshaking error: any Error) -> String {
        switch error {
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
            return "TLS with \(self) failed: it needs a certificate for \(self.host) from an authority that this node "
                + "knows (--tls-ca names others); a tracker without TLS has ws:// (\(error))"
        case is HTTPParserError:
            return "\(self) does not speak HTTP: is this the tracker's port?"
        case let error as NIOHTTPClientUpgradeError where error != .writingToHandlerDuringUpgrade:
            return "\(self) answered the WebSocket handshake wrongly: is this the tracker's port and path?"
        case is ChannelError, is IOError:
            return "\(self) closed the connection during the handshake: is this the tracker's port?"
        default:
            return "the handshake with \(self) failed: \(error)"
        }
    }

    func explanation(ofResponse head: HTTPResponseHead) -> String {
        var text = "\(self) answered HTTP \(head.status.code) \(TrackerCodec.readable(head.status.reasonPhrase))"
        if let location = head.headers.first(name: "Location") {
            text += " to \(TrackerCodec.readable(location))"
        }
        return text + " instead of a WebSocket: check host and path"
    }

    func explanation(of end: WebSocketEnd) -> String {
        switch end {
        case .closedByUs: "closed by this node"
        case .closedByPeer(let code, let reason):
            "\(self) closed the connection (\((code.map { "code \($0)" } ?? "no code") + (reason.isEmpty ? "" : ", \(reason)")))"
        case .lost: "lost the connection to \(self)"
        case .unansweredPings: "\(self) does not answer pings any more"
        case .idle: "\(self) was silent for too long"
        case .outboundFull: "\(self) does not take what this node sends: more than 1 MiB is waiting"
        case .violation(let problem): "\(self) broke the WebSocket protocol: \(problem)"
        }
    }
}
