import Dispatch
import Foundation
package import ShoalCore
import ShoalWire

/// WebRTC connections with Shoal's two data channels.
///
/// One thread, "the WebRTC thread", alone calls libdatachannel; all methods post to it and return, and what happens is
/// told to the delegate. A connection that was asked for ends with exactly one `closed`, whatever goes wrong.
package final class RTCTransport: Sendable {
    private let mailbox = RTCMailbox()
    /// Left when the thread has ended.
    private let running = DispatchGroup()
    /// What all connections of this transport show.
    package let certificate: RTCCertificate

    /// Starts the WebRTC thread. Fails when no certificate can be made.
    package init(configuration: RTCConfiguration, delegate: any RTCTransportDelegate) throws(RTCError) {
        RTCLibrary.initialize()
        let certificate = try RTCCertificate()
        self.certificate = certificate
        let mailbox = self.mailbox
        let running = self.running
        running.enter()
        // The thread, not the transport, holds the delegate, so that an owner may be its transport's delegate.
        let thread = Thread {
            RTCWorker(configuration: configuration, certificate: certificate, mailbox: mailbox, delegate: delegate)
                .run()
            running.leave()
        }
        thread.name = "shoal.webrtc"
        thread.start()
    }

    deinit { self.mailbox.post(.shutdown) }

    /// Makes a connection that offers; ``RTCTransportDelegate/described(_:sdp:)`` has the offer. It waits for its answer
    /// until it is closed.
    package func offer(_ connection: ConnectionID) {
        self.mailbox.post(.offer(connection))
    }

    /// Makes a connection that answers `sdp`; ``RTCTransportDelegate/described(_:sdp:)`` has the answer.
    package func answer(_ connection: ConnectionID, offer sdp: String) {
        self.mailbox.post(.answer(connection, offer: sdp))
    }

    /// Takes the answer to our offer. One that nobody waits for is ignored; a bad one closes the connection.
    package func accept(_ connection: ConnectionID, answer sdp: String) {
        self.mailbox.post(.accept(connection, answer: sdp))
    }

    /// Sends a control message of at most ``RTCLimits/controlMessage`` bytes, in order, ahead of chunks in line.
    /// Dropped when the connection is not open.
    package func sendControl(_ connection: ConnectionID, _ message: [UInt8]) {
        precondition(message.count <= WireLimits.controlMessage, "a control message of \(message.count) bytes")
        self.mailbox.postControl(connection, message)
    }

    /// Puts a chunk in line; at most ``RTCLimits/queuedChunks`` may be. Its frames leave as fast as the peer takes them.
    /// ``RTCTransportDelegate/chunkSent(_:token:)`` or ``RTCTransportDelegate/closed(_:reason:)``, whichever comes first,
    /// gives its buffer back.
    package func sendChunk(_ connection: ConnectionID, _ chunk: OutgoingChunk, token: UInt64) {
        self.mailbox.post(.sendChunk(connection, chunk, token: token))
    }

    /// Closes a connection. What has been sent before still arrives, unless that takes longer than
    /// ``RTCConfiguration/closingLimit``; chunks in line do not.
    package func close(_ connection: ConnectionID, reason: String) {
        self.mailbox.post(.close(connection, reason: reason))
    }

    /// Reads a connection's figures on the WebRTC thread; nil when there is no such connection.
    package func statistics(of connection: ConnectionID, report: @escaping @Sendable (RTCStatistics?) -> Void) {
        self.mailbox.post(.statistics(connection, report: report))
    }

    /// Closes all connections, and returns when each has been reported as closed, after
    /// ``RTCConfiguration/closingLimit`` at the latest. Not to be called by the delegate's methods.
    package func shutdown() {
        self.mailbox.post(.shutdown)
        self.running.wait()
    }
}
