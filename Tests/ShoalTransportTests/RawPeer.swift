import CDataChannel
import Foundation
import ShoalCore

@testable import ShoalTransport

/// A peer that drives the C border itself, and so can break the rules that a transport keeps.
enum RawPeer {
    /// Answers `offer` on a thread of its own, and runs `script` there when both channels are open; the connection is
    /// destroyed when it returns, without a word to the other side.
    static func answer(_ offer: String, script: @escaping @Sendable (OpaquePointer) -> Void) async throws -> String {
        let certificate = try RTCCertificate()
        return await withCheckedContinuation { continuation in
            Thread {
                let mailbox = RTCMailbox()
                let callbacks = RTCCallbacks(connection: ConnectionID(1), mailbox: mailbox, delegate: Recorder())
                var configuration = RTCConfiguration()
                configuration.bindAddress = "127.0.0.1"
                let made = try? cdc_configuration.create(configuration, certificate, cdc_callbacks(to: callbacks))
                guard let made else { preconditionFailure("no raw peer") }
                cdc_free(cdc_answer(made, offer))
                var seen: RTCSignals = []
                while !seen.isSuperset(of: .bothOpened) {
                    _ = mailbox.take(until: nil)
                    let signals = callbacks.takeSignals()
                    if signals.contains(.gathered) {
                        continuation.resume(returning: RTCLibrary.string(cdc_local_description(made)) ?? "")
                    }
                    seen.formUnion(signals)
                }
                script(made)
                cdc_destroy(made)
                withExtendedLifetime(callbacks) {}
            }.start()
        }
    }

    /// Sends `count` bytes as one message.
    static func send(_ count: Int, on channel: cdc_channel, of handle: OpaquePointer) {
        let bytes = [UInt8](repeating: 1, count: count)
        cdc_free(bytes.withUnsafeBytes { cdc_send(handle, channel, $0.baseAddress, count, nil, 0) })
    }
}
