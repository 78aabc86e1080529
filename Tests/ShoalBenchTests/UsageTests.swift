import ArgumentParser
import Testing

@testable import shoal_bench

/// What is wrong before anything is measured.
@Suite struct UsageTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        let arguments: [String]
        let sentence: String

        init(_ arguments: String, _ sentence: String) {
            self.arguments = arguments.split(separator: " ").map(String.init)
            self.sentence = sentence
        }

        var testDescription: String { self.arguments.joined(separator: " ") }
    }

    static let mistakes = [
        Mistake("first-light --mebibytes 0", "--mebibytes takes 1 to 65536"),
        Mistake("first-light --rounds 101", "--rounds takes 1 to 100"),
        Mistake("bare-loop --mebibytes 65537", "--mebibytes takes 1 to 65536"),
        Mistake("publish --megabytes 0", "--megabytes takes 1 to 1000000"),
        Mistake("publish --rounds 0", "--rounds takes 1 to 100"),
        Mistake("start --shards 60001", "--shards takes 1 to 60000"),
        Mistake("start --rounds 0", "--rounds takes 1 to 100"),
        Mistake("cache --megabytes 15", "--megabytes takes 16 to 16000"),
        Mistake("cache --budget 100", "--budget takes 5 to 99"),
        Mistake("cache --seconds 0", "--seconds takes 1 to 3600"),
        Mistake("cache --kilobytes-per-second 99", "--kilobytes-per-second takes 100 to 1000000"),
        Mistake("heal --runs 0", "--runs takes 1 to 1000"),
        Mistake("fanout --mebibytes 4097", "--mebibytes takes 1 to 4096"),
        Mistake("siege --megabytes 0", "--megabytes takes 1 to 10000"),
        Mistake("siege --trouble rain", "is invalid for '--trouble <trouble>'"),
    ]

    @Test(arguments: mistakes)
    func `what an option does not take is refused with what it takes`(_ mistake: Mistake) throws {
        let error = try #require(throws: (any Error).self) { try ShoalBench.parseAsRoot(mistake.arguments) }
        #expect(ShoalBench.fullMessage(for: error).contains(mistake.sentence))
    }

    @Test func `without a command the first light is measured`() throws {
        #expect(try ShoalBench.parseAsRoot([]) is FirstLightCommand)
    }

    @Test func `what does not fit onto the disk is refused before anything is written`() async throws {
        let error = await #expect(throws: BenchmarkError.self) {
            try await BenchStage.play(.noise(byteCount: 1 << 60), copies: 2) { _ in }
        }
        #expect(error?.description.contains("make room, or measure with less") == true)
    }

    @Test func `a folder that is not there is refused by name`() async throws {
        let error = await #expect(throws: BenchmarkError.self) {
            try await BenchStage.play(.noise(byteCount: 1), copies: 1, in: "/nowhere/at all") { _ in }
        }
        #expect(error?.description.contains("/nowhere/at all is no folder") == true)
    }
}
