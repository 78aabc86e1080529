import Foundation
import Logging
import ShoalNode
import TestSupport
import Testing

@testable import ShoalNode

/// Where the socket is, and what may be there already.
@Suite(.timeLimit(.minutes(1))) struct NodeSocketPlaceTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test func `a socket that a killed node left is replaced`() async throws {
        try await SocketStage.play { stage in
            // Nobody listens on it: as if its process were gone.
            let folder = try TemporaryFolder()
            let descriptor = try UnixSocket.bind(folder("node.sock"))
            close(descriptor)
            await #expect(throws: NodeGone.self) {
                try await NodeClient(home: folder.url.path).ask(.status) { _ in }
            }
            let socket = try await NodeSocket(home: folder.url.path, logger: self.logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await socket.run { _, _ in } }
                try await NodeClient(home: folder.url.path).ask(.status) { _ in }
                group.cancelAll()
            }
            #expect(!FileManager.default.fileExists(atPath: socket.path))
        }
    }

    @Test func `what is no socket is left alone`() async throws {
        let folder = try TemporaryFolder()
        try folder.write("node.sock", Array("precious".utf8))
        let failure = await #expect(throws: NodeFailure.self) {
            try await NodeSocket(home: folder.url.path, logger: self.logger)
        }
        #expect(failure?.message.contains("is in the way of the node's socket") == true)
        #expect(try Data(contentsOf: URL(filePath: folder("node.sock"))) == Data("precious".utf8))
    }

    @Test func `a path that is too long for the system says so`() throws {
        let room = UnixSocket.pathLimit - "/node.sock".utf8.count
        let longest = "/" + String(repeating: "x", count: room - 1)
        #expect(try UnixSocket.path(home: longest).utf8.count == UnixSocket.pathLimit)
        let failure = #expect(throws: NodeFailure.self) { try UnixSocket.path(home: longest + "x") }
        #expect(failure?.message.contains("choose a shorter --home") == true)
    }

    @Test func `without a node there is nobody to ask`() async throws {
        let folder = try TemporaryFolder()
        await #expect(throws: NodeGone.self) { try await NodeClient(home: folder.url.path).status() }
        await #expect(throws: NodeGone.self) { try await NodeClient(home: folder("missing")).status() }
    }

    @Test func `a node that ends in the middle of a request is gone`() async throws {
        let began = Journal<Void>()
        let folder = try TemporaryFolder()
        var limits = NodeSocket.Limits()
        // The other tests of this process may keep the client waiting for longer than a request may take.
        limits.request = .seconds(50)
        let socket = try await NodeSocket(home: folder.url.path, limits: limits, logger: self.logger)
        let client = Task { try await NodeClient(home: folder.url.path).ask(.status) { _ in } }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await socket.run { _, _ in
                    began.note(())
                    await untilCancelled()
                }
            }
            // A test that never sees the request fails below.
            try? await began.first("the request") { () }
            group.cancelAll()
        }
        await #expect(throws: NodeGone.self) { try await client.value }
    }
}
