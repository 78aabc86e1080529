/// For those who would rather know that something takes long than wait for it.
enum TimeLimit {
    /// What `work` gives, or nil when that takes longer than `limit`; it is cancelled then, and not waited for.
    static func first<Value: Sendable>(
        within limit: Duration,
        _ work: @escaping @Sendable () async -> Value
    ) async -> Value? {
        let (answers, answer) = AsyncStream.makeStream(of: Value?.self, bufferingPolicy: .bufferingOldest(1))
        let worker = Task { answer.yield(await work()) }
        let timer = Task {
            try await Task.sleep(for: limit)
            answer.yield(nil)
        }
        defer {
            worker.cancel()
            timer.cancel()
        }
        for await value in answers { return value }
        return nil
    }
}
