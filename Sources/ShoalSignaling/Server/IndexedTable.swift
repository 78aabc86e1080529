/// Values by key, with positions to draw from at random, in an order that only the calls decide.
///
/// A `Dictionary` has another order in every process; what a registry says must depend on its inputs alone.
struct IndexedTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private(set) var keys: [Key] = []
    private var values: [Value] = []
    private var positions: [Key: Int] = [:]

    var count: Int { self.keys.count }
    var isEmpty: Bool { self.keys.isEmpty }

    /// Where `key` is; moves when another key is removed.
    func position(of key: Key) -> Int? { self.positions[key] }

    subscript(position: Int) -> Value { self.values[position] }

    /// Changes a value in place.
    mutating func modify<Result>(_ position: Int, _ change: (inout Value) -> Result) -> Result {
        change(&self.values[position])
    }

    /// Adds a key that is not there; its position.
    @discardableResult
    mutating func append(_ key: Key, _ value: Value) -> Int {
        precondition(self.positions[key] == nil, "the key is there already")
        self.positions[key] = self.keys.count
        self.keys.append(key)
        self.values.append(value)
        return self.keys.count - 1
    }

    /// Removes a key; the last one takes its position.
    @discardableResult
    mutating func remove(_ key: Key) -> Value? {
        guard let position = self.positions.removeValue(forKey: key) else { return nil }
        let value = self.values[position]
        let lastKey = self.keys.removeLast()
        let lastValue = self.values.removeLast()
        if position < self.keys.count {
            self.keys[position] = lastKey
            self.values[position] = lastValue
            self.positions[lastKey] = position
        }
        return value
    }
}
