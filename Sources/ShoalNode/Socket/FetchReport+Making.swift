import ShoalCore
import ShoalStore

extension FetchReport {
    /// What came of a fetch. Reads the model's headers, on threads of `disk`.
    package static func of(
        _ chosen: ChosenFiles,
        bytesFromPeers: Int,
        peers: Int,
        on disk: DiskPool
    ) async throws -> FetchReport {
        let problem = try await disk.run { () throws(StoreError) in try chosen.model.registryProblem() }
        return FetchReport(
            manifest: chosen.model.id.hex,
            path: chosen.path,
            bytes: chosen.size,
            bytesFromPeers: bytesFromPeers,
            peers: peers,
            registryProblem: problem.map { "\($0)" }
        )
    }
}
