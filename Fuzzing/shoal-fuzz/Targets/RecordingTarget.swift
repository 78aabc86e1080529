import ShoalSwarm

/// What `shoal replay` reads: the body of one record, and a whole file.
enum RecordingTarget {
    static func run(_ bytes: [UInt8]) {
        self.body(bytes)
        self.file(RecordingFile.magic + bytes)
    }

    /// An entry that is accepted is written so that it reads as the same entry.
    private static func body(_ bytes: [UInt8]) {
        do throws(RecordingError) {
            let entry = try RecordingEntry(decoding: bytes)
            let record = try? RecordingFile.record(entry)
            require(record != nil, "an entry that was read cannot be written")
            var reader = try RecordingReader(RecordingFile.magic + (record ?? []))
            require(try reader.next() == entry, "an entry does not read as it is written")
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
