import Synchronization

/// What happened, in order, for tests that wait for something to happen.
///
/// Waiting never sleeps and always ends: with the entry, when the journal is over, when the deadline comes, or when the
/// test is cancelled by its time limit. Not bounded: it lives as long as one test.
package final class Journal<Entry: Sendable>: Sendable {
    private struct State {
        var entries: [Entry] = []
        var isOver = false
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var lastWaiter = 0
    }

    private let state = Mutex(State())

    package init() {}

    package var entries: [Entry] { self.state.withLock { $0.entries } }

    package func note(_ entry: Entry) { self.change { $0.entries.append(entry) } }

    /// Nothing will be noted any more.
    package func end() { self.change { $0.isOver = true } }

    /// What `pick` finds in the first entry in which it finds something, now or later.
    package func first<Value: Sendable>(
        _ what: String,
        within limit: Duration = .seconds(30),
        _ pick: @escaping @Sendable (Entry) -> Value?
    ) async throws -> Value {
        try await self.wait(for: what, within: limit) { $0.lazy.compactMap(pick).first }
    }

    /// What `pick` finds in all entries so far, asked again with each one that comes.
    package func wait<Value: Sendable>(
        for what: String,
        within limit: Duration = .seconds(30),
        _ pick: @escaping @Sendable ([Entry]) -> Value?
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask {
                while true {
                    let (entries, isOver) = self.state.withLock { ($0.entries, $0.isOver) }
                    if let value = pick(entries) { return value }
                    guard !isOver else { throw NotSeen(what, .over, entries) }
                    await self.news(after: entries.count)
                    try Task.checkCancellation()
                }
            }
            group.addTask {
                try await Task.sleep(for: limit)
                throw NotSeen(what, .late(limit), self.entries)
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }

    /// Returns when the journal is over, whatever is in it.
    package func ended(within limit: Duration = .seconds(30)) async throws {
        do {
            try await self.wait(for: "the end", within: limit) { _ in Void?.none }
        } catch let error as NotSeen where error.isOver {
            return
        }
    }

    private func change(_ change: (inout State) -> Void) {
        let waiters = self.state.withLock { state in
            change(&state)
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns when there are more than `count` entries, the journal is over, or the task is cancelled.
    private func news(after count: Int) async {
        let number = self.state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isThere = self.state.withLock { state in
                    if state.entries.count > count || state.isOver || Task.isCancelled { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isThere { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }
}

/// What a test waited for did not happen.
package struct NotSeen: Error, CustomStringConvertible {
    enum Reason {
        case over
        case late(Duration)
    }

    package private(set) var description: String
    /// It cannot happen any more.
    let isOver: Bool

    init(_ what: String, _ reason: Reason, _ entries: [some Any]) {
        let last = entries.suffix(40).map { "  \($0)" }.joined(separator: "\n")
        switch reason {
        case .over:
            self.isOver = true
            self.description = "\(what): it cannot come any more. Last of \(entries.count) entries:\n\(last)"
        case .late(let limit):
            self.isOver = false
            self.description = "\(what): not within \(limit). Last of \(entries.count) entries:\n\(last)"
        }
    }

    /// The same with what else helps to see why.
    package func adding(_ text: String) -> NotSeen {
        var error = self
        error.description += "\n" + text
        return error
    }
}
