import ShoalFormats

/// Files that are only in memory, and a count of what was read of them.
package final class MemoryReader: SourceReader {
    package let files: [[UInt8]]
    /// Bytes handed out.
    package private(set) var readCount = 0
    /// The longest read.
    package private(set) var longest = 0

    package init(_ files: [[UInt8]]) { self.files = files }

    package func read(_ file: Int, at offset: Int, count: Int) -> [UInt8] {
        let end = min(offset + count, self.files[file].count)
        let bytes = offset < end ? Array(self.files[file][offset..<end]) : []
        self.readCount += bytes.count
        self.longest = max(self.longest, count)
        return bytes
    }
}
