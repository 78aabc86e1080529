extension SourceAnatomy {
    /// Looks into `files` and takes them apart by what they are; content decides, not names.
    ///
    /// Files of several formats make a folder of the first of them: GGUF if one file begins with its magic, else the
    /// others. What belongs to no model is plain.
    package static func of<Reader: SourceReader>(
        files: [SourceListing],
        reader: Reader
    ) throws(SourceError<Reader.Failure>) -> SourceAnatomy {
        var ggufs: [Int] = []
        for (file, listing) in files.enumerated() where listing.size >= GGUFMagic.bytes.count {
            do throws(Reader.Failure) {
                let magic = try reader.read(file, at: 0, count: GGUFMagic.bytes.count)
                if GGUFAnatomy.isGGUF(magic) { ggufs.append(file) }
            } catch {
                throw .unreadable(error)
            }
        }
        if !ggufs.isEmpty { return try GGUFAnatomy.of(files: files, ggufs: ggufs, reader: reader) }
        return SourceAnatomy(format: .files, files: files.map { .plain(path: $0.path, size: $0.size) })
    }
}
