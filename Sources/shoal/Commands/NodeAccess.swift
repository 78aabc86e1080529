import ShoalNode
import ShoalStore

/// How a command gets at its home: one process at a time holds it, and the others ask that one.
enum NodeAccess {
    /// 2 s: how long a process that holds the home may take until its node answers, or until it has ended.
    private static let patience = Duration.seconds(2)
    private static let pause = Duration.milliseconds(100)

    /// Does the work here when nobody holds the home, or through the node that does. Should that node end before it is
    /// done, the work starts anew.
    ///
    /// - Throws: the ``StoreError`` of a home that is held by a process that is no node.
    static func use<Result>(
        _ home: HomeOptions,
        here: (Home) async throws -> Result,
        through: (RunningNode) async throws -> Result
    ) async throws -> Result {
        while true {
            switch try await self.find(home.path) {
            case .free(let home):
                defer { home.close() }
                return try await here(home)
            case .held(let node):
                do {
                    return try await through(node)
                } catch is NodeGone {
                    Console.say("the node of this home (process \(node.process)) has ended: going on without it")
                }
            }
        }
    }

    private enum Finding {
        case free(Home)
        case held(RunningNode)
    }

    private static func find(_ path: String) async throws -> Finding {
        let limit = ContinuousClock.now + self.patience
        while true {
            let held: StoreError
            do throws(StoreError) {
                return .free(try Home(path: path))
            } catch {
                held = error
            }
            guard held.code == .locked else { throw held }
            if let node = try await RunningNode.of(path) { return .held(node) }
            // It is about to listen, or about to end, or it hashes and is no node.
            guard ContinuousClock.now < limit else { throw held }
            try await Task.sleep(for: self.pause)
        }
    }
}

/// The node of a home, in another process.
struct RunningNode: Sendable {
    let client: NodeClient
    let process: Int32
    let display = ProgressDisplay()

    /// Nil when no node answers.
    static func of(_ home: String) async throws -> RunningNode? {
        let client = NodeClient(home: Home.absolute(home))
        do {
            return RunningNode(client: client, process: try await client.status().process)
        } catch is NodeGone {
            return nil
        }
    }

    /// Asks it, and shows meanwhile how far it is; `onAnswer` has the rest.
    func ask(
        _ request: NodeRequest,
        latest: Latest<ModelProgress>? = nil,
        onAnswer: (NodeAnswer) throws -> Void
    ) async throws {
        defer { self.display.clear() }
        try await self.client.ask(request) { answer in
            switch answer {
            case .progress(let progress):
                latest?.set(progress)
                self.display.show(progress)
            case .note(let text): self.display.say(text)
            default: try onAnswer(answer)
            }
        }
    }

    /// Has it serve a model for as long as it runs, and says so.
    func seed(_ order: SeedOrder) async throws {
        var report: SeedReport?
        try await self.ask(.seed(order)) { answer in
            if case .seeding(let seeding) = answer { report = seeding }
        }
        guard let report else { throw CommandError("the node did not say what it serves") }
        if report.verifiedBytes < report.totalBytes {
            Publishing.tellPart(report.verifiedBytes, of: report.totalBytes)
        }
        if !order.source.lowercased().hasPrefix("magnet:") {
            Publishing.tell(order.source, bytes: report.totalBytes, shards: report.shards)
        }
        try Console.print(report.link)
        Console.say("the node that is running (process \(self.process)) serves it for as long as it runs")
    }
}
