package import ShoalFormats
package import ShoalStore
package import ShoalSwarm

/// What a node's owner may want to know while it runs.
package enum NodeEvent: Sendable {
    case observed(MeshObservation)
    /// The manifest is here: the model's name for people can be shown, its size is known.
    case described(SwarmHandle, Manifest)
    /// Every chunk is verified; the files are being compared with what the manifest says of them.
    case checking(SwarmHandle, StoreProgress)
    /// Every byte is verified, durable, and hashes to what the manifest says of each file.
    case finished(SwarmHandle)
    /// The model cannot be completed here; the message says what to do.
    case failed(SwarmHandle, StoreError)
    /// Something was wrong on disk when the model was opened; what is missing is fetched again.
    case found(SwarmHandle, StoreError)
}
