import Foundation
import Logging
import ShoalNode
import TestSupport
import Testing

@testable import ShoalNode

@Suite(.timeLimit(.minutes(1))) struct NodeSocketTests {
    private static let status = #"{"shoal":1,"status":{}}"#

    @Test func `a request is answered, and its connection ends`() async throws {
        try await SocketStage.play { request, answer in
            #expect(request == .status)
            try await answer(.status(.sample))
        } _: { stage in
            let answers = try await stage.exchange(frame(Self.status))
            #expect(answers == [.status(.sample), .done])
            let status = try await stage.client.status()
            #expect(status == .sample)
        }
    }

    @Test func `only this user may connect`() async throws {
        try await SocketStage.play { stage in
            let attributes = try FileManager.default.attributesOfItem(atPath: stage.socket.path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(attributes[.type] as? FileAttributeType == .typeSocket)
        }
    }

    @Test(
        arguments: [
            (frame("{"), .malformed), (frame("{\"shoal\":7,\"status\":{}}"), .version),
            (frame("{\"shoal\":1,\"sing\":{}}"), .malformed), ([0, 0, 0, 0], .malformed), ([0, 1, 0, 1], .tooLong),
            ([255, 255, 255, 255], .tooLong), (Array("GET / HTTP/1.1\r\n\r\n".utf8), .tooLong),
            (frame(status) + frame(status), .malformed),
        ] as [([UInt8], NodeFailure.Code)]
    )
    func `nonsense is answered with an error, and the next client is served`(
        bytes: [UInt8],
        code: NodeFailure.Code
    ) async throws {
        try await SocketStage.play { request, _ in
            if request == .status { await untilCancelled() }
        } _: { stage in
            let answers = try await stage.exchange(bytes)
            #expect(answers.failure == code)
            try await stage.client.ask(.peers) { _ in }
        }
    }

    @Test func `a request of 64 KiB is the longest`() async throws {
        try await SocketStage.play { stage in
            let padding = String(repeating: " ", count: NodeCodec.requestLimit - Self.status.utf8.count)
            let longest = try await stage.exchange(frame(Self.status + padding))
            #expect(longest == [.done])
            let tooLong = try await stage.exchange(frame(Self.status + padding + " "))
            #expect(tooLong.failure == .tooLong)
        }
    }

    @Test func `who takes too long over a request is told so`() async throws {
        try await SocketStage.play(requestLimit: .seconds(1)) { stage in
            let silent = try await stage.exchange([])
            #expect(silent.failure == .tooLate)
            let half = try await stage.exchange(Array(frame(Self.status).dropLast()))
            #expect(half.failure == .tooLate)
            try await stage.client.ask(.status) { _ in }
        }
    }

    @Test func `a request that is carried out may take longer`() async throws {
        try await SocketStage.play(requestLimit: .seconds(1)) { _, answer in
            try await Task.sleep(for: .milliseconds(1_200))
            try await answer(.note("at last"))
        } _: { stage in
            let answers = try await stage.exchange(frame(Self.status))
            #expect(answers == [.note("at last"), .done])
        }
    }

    @Test func `half a request and a goodbye are nothing`() async throws {
        try await SocketStage.play { stage in
            for length in 0..<frame(Self.status).count {
                let connection = try RawConnection(stage.socket.path)
                try connection.write(Array(frame(Self.status).prefix(length)))
                connection.close()
            }
            try await Self.untilServed(stage)
        }
    }

    @Test func `sixteen requests at once, the next is told to wait, the thirty-third is dropped`() async throws {
        let running = Journal<Void>()
        let ended = Journal<Void>()
        try await SocketStage.play { request, _ in
            guard request == .status else { return }
            running.note(())
            await untilCancelled()
            ended.note(())
        } _: { stage in
            var busy: [RawConnection] = []
            for number in 1...16 {
                let connection = try RawConnection(stage.socket.path)
                try connection.write(frame(Self.status))
                busy.append(connection)
                try await running.wait(for: "request \(number)") { $0.count == number ? () : nil }
            }
            let refused = try await stage.exchange(frame(#"{"shoal":1,"manifest":{"source":"magnet:","trackers":[]}}"#))
            #expect(refused.failure == .busy)
            // What takes no time is answered.
            let brief = try await stage.exchange(frame(#"{"shoal":1,"peers":{}}"#))
            #expect(brief == [.done])
            // Which of them is counted last is for the threads that accept them to say.
            let crowd = try (0..<17).map { _ in try RawConnection(stage.socket.path) }
            #expect(try await stage.firstAnswers(of: crowd) == [])
            withExtendedLifetime(crowd) {}
            busy[0].close()
            try await ended.first("the end of a request") { () }
            for connection in crowd { connection.close() }
            try await Self.untilServed(stage)
        }
    }

    /// Asks until there is room: that a connection is over is seen a moment after it is.
    private static func untilServed(_ stage: SocketStage) async throws {
        while true {
            do {
                return try await stage.client.ask(.peers) { _ in }
            } catch let failure as NodeFailure where failure.code == .busy {
                continue
            } catch is NodeGone {
                continue
            }
        }
    }

    @Test func `the end of a client is the end of its request`() async throws {
        let began = Journal<Void>()
        let ended = Journal<Bool>()
        try await SocketStage.play { _, _ in
            began.note(())
            await untilCancelled()
            ended.note(Task.isCancelled)
        } _: { stage in
            let connection = try RawConnection(stage.socket.path)
            try connection.write(frame(Self.status))
            try await began.first("the request") { () }
            connection.close()
            #expect(try await ended.first("its end") { $0 })
            let task = Task { try await stage.client.ask(.status) { _ in } }
            try await began.wait(for: "the second request") { $0.count == 2 ? () : nil }
            task.cancel()
            try await ended.wait(for: "its end") { $0.count == 2 ? () : nil }
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test func `an answer that is too long is an error, not the end`() async throws {
        try await SocketStage.play { _, answer in
            try await answer(.note(String(repeating: "x", count: NodeCodec.answerLimit)))
        } _: { stage in
            let failure = await #expect(throws: NodeFailure.self) { try await stage.client.ask(.status) { _ in } }
            #expect(failure?.code == .tooLong)
        }
    }

    @Test func `what a request fails with reaches the client in words`() async throws {
        try await SocketStage.play { _, _ in
            throw NodeFailure(.failed, "the disk is full: make room")
        } _: { stage in
            let failure = await #expect(throws: NodeFailure.self) { try await stage.client.ask(.stop) { _ in } }
            #expect(failure == NodeFailure(.failed, "the disk is full: make room"))
        }
    }
}
