import ShoalFormats

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

extension SourceTree {
    /// What the files are, as their first bytes say: format, regions, and what the model says of itself.
    func anatomy() throws(StoreError) -> SourceAnatomy {
        do throws(SourceError<StoreError>) {
            return try SourceAnatomy.of(
                files: self.files.map { SourceListing(path: $0.path, size: $0.identity.size) },
                reader: HeadReader(files: self.files)
            )
        } catch {
            switch error {
            case .unreadable(let error): throw error
            case .wrong(let problem):
                let location = self.files.first { $0.path == problem.path }?.location ?? problem.path
                let found = SourceProblem(path: location, field: problem.field, problem: problem.problem)
                throw StoreError(
                    .damagedSource,
                    "\(found); to share it as it is, put it into an archive and publish that",
                    cause: problem
                )
            }
        }
    }

    /// Reads the user's files for the readers of formats: a few windows of each, so none is kept open.
    private struct HeadReader: SourceReader {
        let files: [SourceTree.File]

        func read(_ file: Int, at offset: Int, count: Int) throws(StoreError) -> [UInt8] {
            let source = self.files[file]
            let descriptor = try Descriptor.open(source.location, O_RDONLY)
            guard try descriptor.status().identity == source.identity else { throw source.changed }
            return try descriptor.bytes(at: offset, count: count)
        }
    }
}
