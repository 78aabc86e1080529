/// Where a node writes down what its machine is told.
package struct RecordingOptions: Sendable {
    /// A new file; what is there already is never overwritten.
    package var path: String
    /// 256 MB: about 10 million frames, a third of a terabyte of weights.
    package var limit = 256_000_000

    package init(path: String) { self.path = path }
}
