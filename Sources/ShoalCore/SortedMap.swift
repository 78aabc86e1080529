/// A small dictionary whose order is that of its keys, so that walking it is the same in every process.
///
/// An array with binary search: right for the hundreds of peers, requests or shards that a machine walks anyway;
/// insertion moves what lies behind.
package struct SortedMap<Key: Comparable & Sendable, Value> {
    private var entries: [(key: Key, value: Value)] = []

    package init() {}

    package var count: Int { self.entries.count }
    package var isEmpty: Bool { self.entries.isEmpty }
    package var keys: [Key] { self.entries.map(\.key) }
    package var values: [Value] { self.entries.map(\.value) }
    package var first: (key: Key, value: Value)? { self.entries.first }

    package subscript(key: Key) -> Value? {
        get {
            let (position, found) = self.position(of: key)
            return found ? self.entries[position].value : nil
        }
        _modify {
            let (position, found) = self.position(of: key)
            var value: Value?
            if found { value = self.entries.remove(at: position).value }
            defer { if let value { self.entries.insert((key, value), at: position) } }
            yield &value
        }
    }

    /// Changes the value of a key that is there, in place; nil when it is not.
    @discardableResult
    package mutating func update<Result>(_ key: Key, _ change: (inout Value) -> Result) -> Result? {
        let (position, found) = self.position(of: key)
        return found ? change(&self.entries[position].value) : nil
    }

    /// Changes every value in place, in the order of the keys.
    package mutating func updateAll(_ change: (Key, inout Value) -> Void) {
        for position in self.entries.indices { change(self.entries[position].key, &self.entries[position].value) }
    }

    @discardableResult
    package mutating func removeValue(forKey key: Key) -> Value? {
        let (position, found) = self.position(of: key)
        return found ? self.entries.remove(at: position).value : nil
    }

    private func position(of key: Key) -> (Int, found: Bool) {
        var low = 0
        var high = self.entries.count
        while low < high {
            let middle = (low + high) / 2
            if self.entries[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return (low, low < self.entries.count && self.entries[low].key == key)
    }
}

extension SortedMap: Sendable where Value: Sendable {}

extension SortedMap: Sequence {
    package func makeIterator() -> IndexingIterator<[(key: Key, value: Value)]> { self.entries.makeIterator() }
}
