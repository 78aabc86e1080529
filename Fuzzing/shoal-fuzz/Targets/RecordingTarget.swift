import ShoalSwarm

/// What `shoal replay` reads: the body of one record, a whole file, and a run of it.
enum RecordingTarget {
    static func run(_ bytes: [UInt8]) {
        self.body(bytes)
        self.file(RecordingFile.magic + bytes)
        self.replay(RecordingFile.magic + self.mended(bytes))
    }

    /// The records that the bytes are roughly, with the lengths and checks that their bodies have: a fuzzer does not guess
    /// a hash.
    private static func mended(_ bytes: [UInt8]) -> [UInt8] {
        var records: [UInt8] = []
        var rest = bytes[...]
        while rest.count > RecordingFile.prefixCount {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(RecordingFile.prefixCount)
            records += RecordingFile.record(body: Array(rest.prefix(length)))
            rest = rest.dropFirst(min(length, rest.count)).dropFirst(RecordingFile.checkCount)
        }
        return records
    }

    /// A machine takes whatever a replay lets through.
    private static func replay(_ bytes: [UInt8]) {
        do throws(RecordingError) {
            var replay = try Replay(bytes)
            var figures = ReplayFigures(replay.start)
            while let step = try replay.next() { figures.add(step) }
            require(replay.ending != .reading, "a replay ended without saying how")
        } catch {
            require((0...bytes.count).contains(error.offset), "the error is outside of the file: \(error)")
        }
    }

    /// An entry that is accepted is written so that it reads as the same entry.
    private static func body(_ bytes: [UInt8]) {
        do throws(RecordingError) {
            let entry = try RecordingEntry(decoding: bytes)
            let record = try? RecordingFile.record(entry)
            require(record != nil, "an entry that was read cannot be written")
            var reader = try? RecordingReader(RecordingFile.magic + (record ?? []))
            let again = (try? reader?.next()) ?? nil
            require(again == entry, "an entry does not read as it is written")
        } catch {
            require((0...bytes.count).contains(error.offset), "the error is outside of the record: \(error)")
        }
    }

    private static func file(_ bytes: [UInt8]) {
        do throws(RecordingError) {
            var reader = try RecordingReader(bytes)
            while try reader.next() != nil {}
            require(reader.offset <= bytes.count, "the reader went beyond the file")
        } catch {
            require((0...bytes.count).contains(error.offset), "the error is outside of the file: \(error)")
        }
    }
}
