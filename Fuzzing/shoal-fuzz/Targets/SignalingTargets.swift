import ShoalCore
import ShoalSwarm

@testable import ShoalSignaling
@testable import ShoalTransport

/// What trackers and their clients say, and the SDPs that they carry.
enum SignalingTargets {
    /// Tolerant reading has a normal form: what is read, written and read again is the same.
    static func request(_ bytes: [UInt8]) {
        guard let request = try? TrackerCodec.decodeRequest(bytes) else { return }
        // Escaping makes a text longer: what had just room when it was read may have none any more.
        guard let written = try? TrackerCodec.encode(request) else {
            return require(bytes.count > TrackerCodec.maximumMessageSize / 2, "a short request cannot be written")
        }
        var expected = request
        if case .announce(var announce) = request, announce.event == .stopped || announce.event == .completed {
            announce.offers = []
            expected = .announce(announce)
        }
        require((try? TrackerCodec.decodeRequest(written)) == expected, "a request does not read as it is written")
    }

    static func response(_ bytes: [UInt8]) {
        for response in (try? TrackerCodec.decodeResponse(bytes)) ?? [] {
            let written = TrackerCodec.encode(response)
            // Waiting times are written in whole seconds, so that the first writing may say more than was read.
            guard let again = try? TrackerCodec.decodeResponse(written), again.count == 1 else {
                guard written.count <= TrackerCodec.maximumMessageSize else { continue }
                return require(false, "a response does not read as it is written: \(response)")
            }
            require(TrackerCodec.encode(again[0]) == written, "a response is written in two ways: \(response)")
        }
    }

    /// A tracker's address that is accepted reads as it is written, and leaves an HTTP request what it is.
    static func trackerURL(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        do throws(SignalingError) {
            let url = try TrackerURL(text)
            require((try? TrackerURL(url.description)) == url, "an address does not read as it is written")
            require((1...65_535).contains(url.port) && !url.host.isEmpty, "an address without port or host")
            let line = url.requestTarget + url.host
            require(line.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "an address that breaks a line")
        } catch {
            require(!error.message.isEmpty, "a refusal says nothing")
        }
    }

    /// An SDP that is accepted names the fingerprint that was found, and stays no SDP with another one.
    static func sessionDescription(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        guard let description = try? SessionDescription(text) else { return }
        require(description.text == text, "the SDP was changed")
        let digits = text.lowercased().filter { $0.isHexDigit && $0.isASCII }
        require(digits.contains(description.fingerprint.hex), "the fingerprint is not in the SDP")
        let other = "a=fingerprint:sha-256 " + repeatElement("00", count: 32).joined(separator: ":")
        require((try? SessionDescription("\(text)\r\n\(other)")) == nil, "an SDP with two fingerprints was accepted")
    }

    /// A member's line comes off what it was appended to; a text without one stays as it is.
    static func memberNote(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        let (sdp, note) = MemberNote.split(text)
        guard let note else {
            return require(Array(sdp.utf8) == bytes, "a text without a note was changed")
        }
        require(bytes.starts(with: sdp.utf8), "the SDP is not what stands before its note")
        guard !sdp.isEmpty else { return }
        let again = MemberNote.split(note.appended(to: sdp))
        require(again.note == note && Array(again.sdp.utf8) == Array(sdp.utf8), "a note does not read as it is written")
    }
}
