import CDataChannel
import ShoalCore
import ShoalWire
import Testing

@testable import ShoalTransport

struct RTCCallbacksTests {
    let recorder = Recorder()
    let mailbox = RTCMailbox()
    let connection = ConnectionID(1)

    var callbacks: RTCCallbacks {
        RTCCallbacks(connection: self.connection, mailbox: self.mailbox, delegate: self.recorder)
    }

    private func send(_ callbacks: RTCCallbacks, _ channel: cdc_channel, _ bytes: [UInt8], isText: Bool = false) {
        bytes.withUnsafeBytes { callbacks.received(channel, $0, isText: isText) }
    }

    @Test func `messages before the opening are kept in order, up to their bound`() {
        let callbacks = self.callbacks
        for number in 0..<RTCLimits.earlyMessages { self.send(callbacks, CDC_CONTROL, [UInt8(number)]) }
        #expect(self.recorder.log.control.isEmpty)
        callbacks.startPassing()
        self.send(callbacks, CDC_CONTROL, [200])
        let expected = (0..<RTCLimits.earlyMessages).map { [UInt8($0)] } + [[200]]
        #expect(self.recorder.log.control[self.connection] == expected)
        #expect(callbacks.takeSignals() == [])
    }

    @Test func `one message more before the opening ends the connection`() {
        let callbacks = self.callbacks
        for number in 0...RTCLimits.earlyMessages { self.send(callbacks, CDC_CONTROL, [UInt8(number)]) }
        #expect(callbacks.takeSignals() == .tooEarly)
        callbacks.startPassing()
        #expect(self.recorder.log.control.isEmpty)
    }

    @Test func `messages up to their bounds pass, longer ones end the connection`() {
        let bounds = [
            (CDC_CONTROL, WireLimits.controlMessage, RTCSignals.controlTooLong),
            (CDC_BULK, WireLimits.frameHeader + WireLimits.framePayload, .frameTooLong),
        ]
        for (channel, bound, signal) in bounds {
            let callbacks = self.callbacks
            callbacks.startPassing()
            self.send(callbacks, channel, [UInt8](repeating: 1, count: bound))
            #expect(callbacks.takeSignals() == [])
            self.send(callbacks, channel, [UInt8](repeating: 1, count: bound + 1))
            #expect(callbacks.takeSignals() == signal)
            // After the violation nothing passes.
            self.send(callbacks, CDC_CONTROL, [9])
        }
        #expect(self.recorder.log.control[self.connection]?.count == 1)
        #expect(self.recorder.log.frames[self.connection]?.count == 1)
    }

    @Test func `text ends the connection`() {
        let callbacks = self.callbacks
        self.send(callbacks, CDC_CONTROL, Array("hello".utf8), isText: true)
        #expect(callbacks.takeSignals() == .sentText)
    }

    @Test func `signals share one entry in the mailbox until they are taken`() {
        let callbacks = self.callbacks
        callbacks.raise(.gathered)
        callbacks.raise(.drained)
        #expect(self.mailbox.take(until: nil).signalled == [self.connection])
        callbacks.raise(.bulkOpened)
        #expect(callbacks.takeSignals() == [.gathered, .drained, .bulkOpened])
        callbacks.raise(.drained)
        #expect(self.mailbox.take(until: nil).signalled == [self.connection])
    }

    static let ends: [(RTCSignals, String)] = [
        (.foreignChannel, "a channel that"), (.sentText, "text"), (.tooEarly, "hello"),
        (.controlTooLong, "control message"), (.frameTooLong, "frame"), (.failed, "no path"),
        (.disconnected, "the peer closed"), (.closed, "was closed"),
        ([.frameTooLong, .disconnected], "frame"),
    ]

    @Test(arguments: Self.ends)
    func `an end has the reason that explains it best`(signals: RTCSignals, reason: String) {
        #expect(RTCReason.end(by: signals)?.contains(reason) == true)
    }

    @Test func `a living connection has no reason to end`() {
        #expect(RTCReason.end(by: [.gathered, .controlOpened, .bulkOpened, .drained]) == nil)
    }
}
