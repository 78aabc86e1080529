import ModelFixtures
import ShoalCore
import ShoalFormats
import Testing

/// Takes files apart that are only in memory.
struct AnatomyBench {
    let names: [String]
    let contents: [[UInt8]]
    let anatomy: SourceAnatomy

    init(_ files: [(name: String, bytes: [UInt8])]) throws {
        // As a manifest orders them.
        let files = files.sorted { PublishedPath.precedes($0.name, $1.name) }
        self.names = files.map(\.name)
        self.contents = files.map(\.bytes)
        let listings = files.map { SourceListing(path: $0.name, size: $0.bytes.count) }
        self.anatomy = try SourceAnatomy.of(files: listings, reader: MemoryReader(self.contents))
    }

    init(_ model: GGUFFile) throws { try self.init([("model.gguf", model.bytes)]) }

    var plan: LayoutPlan {
        get throws { try self.anatomy.plan() }
    }

    /// The contents of a file's regions, in order.
    func content(of name: String) -> [LayoutOne.Region.Content] {
        self.anatomy.files.first { $0.path == name }?.regions.map(\.content) ?? []
    }

    /// The problem that `files` have.
    static func problem(_ files: [(name: String, bytes: [UInt8])]) -> SourceProblem? {
        do {
            _ = try AnatomyBench(files)
            return nil
        } catch {
            guard case SourceError<Never>.wrong(let problem) = error else {
                Issue.record("\(error)")
                return nil
            }
            return problem
        }
    }
}
