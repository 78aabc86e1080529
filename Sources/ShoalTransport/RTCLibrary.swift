import CDataChannel
package import ShoalCore

/// What the whole process has one of: libdatachannel's settings.
package enum RTCLibrary {
    /// Applies the settings; before the first connection, after that it does nothing.
    package static func initialize() {
        var settings = cdc_settings()
        // With two, a callback that waits for another one stops everything (libdatachannel #1611).
        settings.threads = 4
        // What SCTP holds is in front of every control message. Measured at full rate between two processes on two
        // cores, p95 of a control round trip: 256 KiB 10 ms, 512 KiB 22 ms, 768 KiB 35 ms, 1 MiB 48 to 92 ms, 2 MiB
        // (which overruns the kernel's 208 KiB socket buffers) seconds; the rate is the same from 256 KiB to 1 MiB.
        // Over long ways it is the most that is in flight: 768 KiB is 125 Mbit/s at 50 ms.
        settings.send_buffer = 768 * 1024
        // What others may have in flight towards us: libdatachannel's and libwebrtc's senders use 1 MiB.
        settings.receive_buffer = 1024 * 1024
        // In packets of about 1,200 bytes. 32 lets the first frame leave in the first round trip, where RFC 4960's
        // 3 and libdatachannel's 10 need two or more; the burst limit would else cut the window down to 10.
        settings.initial_window = 32
        settings.maximum_burst = 32
        // A peer that vanished while idle is found in seconds, not in the default 10 s × 5.
        settings.heartbeat_interval = 1000
        // 100 ms, doubled five times: the association is given up after 6.3 s. The mesh calls a peer dead after 3 s;
        // this is for when nobody asks. Below 100 ms late acknowledgements (20 ms) look like losses on a busy machine.
        settings.minimum_retransmit_timeout = 100
        settings.retransmit_attempts = 5
        // Until the first round trip is measured: a lost first packet costs 0.3 s instead of 1 s.
        settings.initial_retransmit_timeout = 300
        cdc_initialize(&settings)
    }

    /// Takes over a string of the C border; nil stays nil.
    static func string(_ text: UnsafeMutablePointer<CChar>?) -> String? {
        guard let text else { return nil }
        defer { cdc_free(text) }
        return String(cString: text)
    }

    /// Turns the error text of a call into an error.
    static func check(_ error: UnsafeMutablePointer<CChar>?) throws(RTCError) {
        if let message = self.string(error) { throw RTCError(message) }
    }
}

/// The self-signed certificate that a transport's connections show, ECDSA P-256, valid for a year.
package struct RTCCertificate: Sendable {
    package let certificatePEM: String
    package let keyPEM: String
    /// SHA-256 of the DER form: the fingerprint in our SDPs.
    package let fingerprint: Digest

    package init() throws(RTCError) {
        var made = cdc_certificate()
        try RTCLibrary.check(cdc_certificate_make(&made))
        let certificatePEM = RTCLibrary.string(made.certificate_pem)
        let keyPEM = RTCLibrary.string(made.key_pem)
        let fingerprint = withUnsafeBytes(of: made.fingerprint) { Digest(bytes: $0) }
        guard let certificatePEM, let keyPEM, let fingerprint else {
            throw RTCError("there is no memory for a certificate")
        }
        self.certificatePEM = certificatePEM
        self.keyPEM = keyPEM
        self.fingerprint = fingerprint
    }
}
