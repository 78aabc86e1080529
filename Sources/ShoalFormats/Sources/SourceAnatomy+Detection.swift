extension SourceAnatomy {
    /// Looks into `files` and takes them apart by what they are; content decides, not names.
    ///
    /// A folder with `model.safetensors` or its index is a safetensors model, whatever else it holds; else one with a
    /// file that begins with GGUF's magic a GGUF model; else one with any safetensors file is of that format. What
    /// belongs to no model is plain.
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
        // What is a model of another format has GGUF files beside it, if any.
        let isGGUF = Set(ggufs)
        let others = files.indices.filter { !isGGUF.contains($0) }.map { files[$0].path }
        if SafetensorsAnatomy.isModel(others) { return try SafetensorsAnatomy.of(files: files, reader: reader) }
        if !ggufs.isEmpty { return try GGUFAnatomy.of(files: files, ggufs: ggufs, reader: reader) }
        if others.contains(where: SafetensorsAnatomy.isSafetensors) {
            return try SafetensorsAnatomy.of(files: files, reader: reader)
        }
        return SourceAnatomy(format: .files, files: files.map { .plain(path: $0.path, size: $0.size) })
    }
}
