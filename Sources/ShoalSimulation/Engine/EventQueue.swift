import ShoalCore

/// What will happen, ordered by time; what happens at the same time stays in the order in which it was pushed.
///
/// A binary heap of small entries that point into a table of events: events are large, and a heap moves its entries
/// about. Bounded by what the machines have ordered: packets under way, one timer for each node, disk work.
struct EventQueue<Event> {
    private struct Entry {
        let time: UInt64
        let sequence: UInt64
        let slot: Int

        static func < (left: Entry, right: Entry) -> Bool {
            left.time == right.time ? left.sequence < right.sequence : left.time < right.time
        }
    }

    private var heap: [Entry] = []
    private var events: [Event?] = []
    private var freeSlots: [Int] = []
    private var nextSequence: UInt64 = 0

    var count: Int { self.heap.count }

    /// When the next event happens.
    var nextTime: Instant? { self.heap.first.map { Instant(nanoseconds: $0.time) } }

    mutating func push(_ event: Event, at time: Instant) {
        let slot: Int
        if let free = self.freeSlots.popLast() {
            slot = free
            self.events[slot] = event
        } else {
            slot = self.events.count
            self.events.append(event)
        }
        self.heap.append(Entry(time: time.nanoseconds, sequence: self.nextSequence, slot: slot))
        self.nextSequence += 1
        self.siftUp()
    }

    /// Takes the next event out, if it happens at `time` or before.
    mutating func pop(through time: Instant) -> Event? {
        guard let first = self.heap.first, first.time <= time.nanoseconds else { return nil }
        let last = self.heap.removeLast()
        if !self.heap.isEmpty {
            self.heap[0] = last
            self.siftDown()
        }
        self.freeSlots.append(first.slot)
        return self.events[first.slot].take()
    }

    private mutating func siftUp() {
        var position = self.heap.count - 1
        let entry = self.heap[position]
        while position > 0 {
            let parent = (position - 1) / 2
            guard entry < self.heap[parent] else { break }
            self.heap[position] = self.heap[parent]
            position = parent
        }
        self.heap[position] = entry
    }

    private mutating func siftDown() {
        var position = 0
        let entry = self.heap[0]
        while true {
            var child = 2 * position + 1
            guard child < self.heap.count else { break }
            if child + 1 < self.heap.count, self.heap[child + 1] < self.heap[child] { child += 1 }
            guard self.heap[child] < entry else { break }
            self.heap[position] = self.heap[child]
            position = child
        }
        self.heap[position] = entry
    }
}
