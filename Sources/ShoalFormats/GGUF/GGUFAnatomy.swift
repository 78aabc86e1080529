import ShoalCore

/// Takes GGUF files apart: which bytes are header, whose the tensors are.
package enum GGUFAnatomy {
    /// Whether a file that starts with `bytes` is a GGUF file, or claims to be one.
    package static func isGGUF(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.starts(with: GGUFMagic.bytes)
    }

    /// The anatomy of `files`, of which `ggufs` are the positions of the GGUF files, ascending, at least one. The others
    /// are plain.
    ///
    /// A damaged container is refused. Experts that are unusual are not: their tensors are dense, and a note says why.
    package static func of<Reader: SourceReader>(
        files: [SourceListing],
        ggufs: [Int],
        reader: Reader
    ) throws(SourceError<Reader.Failure>) -> SourceAnatomy {
        var parts: [GGUFModel.Part] = []
        for file in ggufs {
            let header = try GGUFHeaderReader.read(reader, file: file, listing: files[file])
            parts.append(GGUFModel.Part(file: file, path: files[file].path, header: header))
        }
        do throws(SourceProblem) {
            return self.anatomy(of: files, try GGUFModel.models(of: parts))
        } catch {
            throw .wrong(error)
        }
    }

    private static func anatomy(of files: [SourceListing], _ models: [GGUFModel]) -> SourceAnatomy {
        var notes: [String] = []
        var expertsUsed: Int?
        var owners: [(model: Int, experts: GGUFExperts)] = []
        for (index, model) in models.enumerated() {
            do throws(GGUFExperts.Doubt) {
                if let experts = try GGUFExperts.find(in: model) { owners.append((index, experts)) }
            } catch {
                notes.append("the experts of \(model.path) are not registered: \(error.reason)")
            }
        }
        if owners.count > 1 {
            notes.append(
                "\(owners.count) models of this folder have experts, and a manifest has one registry, so theirs are not "
                    + "registered: publish them one by one to have experts fetched by themselves"
            )
        } else {
            expertsUsed = owners.first?.experts.used
        }
        let expertModel = owners.count == 1 ? owners.first?.model : nil
        var sources = files.map { LayoutOne.SourceFile.plain(path: $0.path, size: $0.size) }
        for (index, model) in models.enumerated() {
            for part in model.parts {
                let size = files[part.file].size
                let regions = self.regions(of: part.header, size: size, cutsExperts: index == expertModel)
                sources[part.file] = LayoutOne.SourceFile(path: part.path, size: size, regions: regions)
            }
        }
        let main = models.filter(\.isMain)
        return SourceAnatomy(
            format: .gguf,
            files: sources,
            expertsUsed: expertsUsed,
            model: GGUFModel.common(main.isEmpty ? models : main),
            notes: notes
        )
    }

    /// What is before the first tensor's data is header; padding belongs to the tensor before it.
    private static func regions(of header: GGUFHeader, size: Int, cutsExperts: Bool) -> [LayoutOne.Region] {
        guard let first = header.tensors.first else { return [LayoutOne.Region(.header, length: size)] }
        var regions = [LayoutOne.Region(.header, length: first.offset)]
        for (index, tensor) in header.tensors.enumerated() {
            let end = index + 1 < header.tensors.count ? header.tensors[index + 1].offset : size
            let length = end - tensor.offset
            switch cutsExperts ? GGUFTensorName.owner(of: tensor.name) : .everyone {
            case .everyone: regions.append(LayoutOne.Region(.dense, length: length))
            case .expert(let expert): regions.append(LayoutOne.Region(.expert(expert), length: length))
            case .experts(let layer):
                let count = tensor.dimensions[tensor.dimensions.count - 1]
                let slice = (tensor.byteCount ?? length) / count
                for expert in 0..<count {
                    regions.append(
                        LayoutOne.Region(
                            .expert(ExpertID(layer: layer, index: expert)),
                            length: expert + 1 < count ? slice : length - slice * (count - 1)
                        )
                    )
                }
            }
        }
        return regions
    }
}
