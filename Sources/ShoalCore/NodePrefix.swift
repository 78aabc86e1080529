/// The first 8 bytes of a node ID, as a number: enough to tell the nodes of a swarm apart in lists that say only which
/// version of whose inventory somebody has.
///
/// Finding a key whose node ID begins like another's takes 2^64 tries; two nodes with the same prefix by accident hide
/// one another from those lists and nothing else.
package struct NodePrefix: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static func < (left: NodePrefix, right: NodePrefix) -> Bool { left.rawValue < right.rawValue }
}

extension NodeID {
    package var prefix: NodePrefix { NodePrefix(self.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }) }
}
