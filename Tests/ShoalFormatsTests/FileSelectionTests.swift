import ShoalCore
import Testing

@testable import ShoalFormats

@Suite struct GlobTests {
    @Test(
        arguments: [
            ("*", "a/b.gguf"), ("*.gguf", "Q4/model.gguf"), ("*Q4_K_M*", "model-Q4_K_M-00001-of-00002.gguf"),
            ("Q4/*", "Q4/deep/model.gguf"), ("Q4/", "Q4/deep/model.gguf"), ("a?c", "abc"), ("a?c", "aéc"),
            ("[abc]x", "bx"), ("[a-c]x", "bx"), ("[!a-c]x", "dx"), ("[]a]x", "]x"), ("[a-]x", "-x"), ("[x", "[x"),
            ("a**b", "ab"), ("*a*b*c*", "xxaxxbxxc"), ("", ""), ("model.gguf", "model.gguf"), ("*ab", "aab"),
        ] as [(String, String)]
    )
    func `a pattern matches`(pattern: String, path: String) {
        guard let glob = Glob(pattern) else {
            #expect(pattern.isEmpty)
            return
        }
        #expect(glob.matches(path))
    }

    @Test(
        arguments: [
            ("*.gguf", "model.gguf.txt"), ("model", "model.gguf"), ("a?c", "ac"), ("[abc]x", "dx"), ("[!a-c]x", "bx"),
            ("[c-a]x", "bx"), ("q4*", "Q4.gguf"), ("Q4/", "Q4"), ("a*b", "ba"), ("?", ""), ("[ab", "a"),
        ] as [(String, String)]
    )
    func `a pattern does not match`(pattern: String, path: String) throws {
        #expect(try !#require(Glob(pattern)).matches(path))
    }

    @Test func `a pattern has a length, and the worst one is matched in time`() throws {
        #expect(Glob("") == nil)
        #expect(Glob(String(repeating: "a", count: Glob.maximumByteCount)) != nil)
        #expect(Glob(String(repeating: "a", count: Glob.maximumByteCount + 1)) == nil)
        let glob = try #require(Glob(String(repeating: "a*", count: 511) + "b"))
        #expect(!glob.matches(String(repeating: "a", count: 1_024)))
    }
}

@Suite struct FileSelectionTests {
    /// Files of two shards each, and an expert shard that lies in the first and the last file.
    private func manifest(_ paths: [String]) throws -> Manifest {
        let root = Digest(bytes: [UInt8](repeating: 1, count: 32))!
        var shards = paths.indices.flatMap { file in
            (0..<2).map { half in
                Manifest.Shard(
                    root: root,
                    size: 10,
                    extents: [Manifest.Extent(file: file, offset: half * 10, length: 10)],
                    kind: .dense
                )
            }
        }
        shards.append(
            Manifest.Shard(
                root: root,
                size: 20,
                extents: [
                    Manifest.Extent(file: 0, offset: 20, length: 10),
                    Manifest.Extent(file: paths.count - 1, offset: 20, length: 10),
                ],
                kind: .dense
            )
        )
        return Manifest(
            format: .files,
            files: paths.map { Manifest.File(path: $0, size: 30, sha256: root) },
            shards: shards,
            experts: nil,
            model: Manifest.Model()
        )
    }

    @Test func `files are chosen by what they match, and their shards with them`() throws {
        let manifest = try self.manifest(["a-Q4.gguf", "b-Q8.gguf", "c-Q4.gguf"])
        let both = try FileSelection(include: ["*Q4*"], exclude: [])
        #expect(try both.files(of: manifest) == [0, 2])
        #expect(Array(manifest.shards(of: [0, 2]).setBits) == [0, 1, 4, 5, 6])
        #expect(Array(manifest.shards(of: [1]).setBits) == [2, 3])
        #expect(try FileSelection(include: ["*Q4*"], exclude: ["c*"]).files(of: manifest) == [0])
        #expect(try FileSelection(include: [], exclude: ["*Q8*", "x"]).files(of: manifest) == [0, 2])
        #expect(try FileSelection(include: ["a*", "b*"], exclude: []).files(of: manifest) == [0, 1])
        #expect(try FileSelection.everything.files(of: manifest) == [0, 1, 2])
        #expect(FileSelection.everything.isEverything && !both.isEverything)
    }

    @Test func `a pattern that matches nothing is an error that lists the files`() throws {
        let manifest = try self.manifest(["a-Q4.gguf", "b-Q8.gguf"])
        let idle = try FileSelection(include: ["*Q4*", "*Q5*"], exclude: [])
        let error = #expect(throws: SelectionError.self) { try idle.files(of: manifest) }
        #expect(error?.description == "no file matches *Q5*; the model has 2 files:\n  a-Q4.gguf\n  b-Q8.gguf")
        let none = try FileSelection(include: ["*Q4*"], exclude: ["*"])
        #expect(throws: SelectionError.self) { try none.files(of: manifest) }
        let many = try self.manifest((0..<25).map { "\($0)" })
        let long = #expect(throws: SelectionError.self) { try idle.files(of: many) }
        #expect(long?.description.hasSuffix("\n  19\n  and 5 more") == true)
    }

    @Test func `patterns are bounded`() throws {
        _ = try FileSelection(include: Array(repeating: "a", count: 64), exclude: [])
        #expect(throws: SelectionError.self) {
            try FileSelection(include: Array(repeating: "a", count: 65), exclude: [])
        }
        #expect(throws: SelectionError.self) { try FileSelection(include: [""], exclude: []) }
    }
}
