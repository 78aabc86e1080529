package import ShoalCore
package import ShoalFormats

/// `<home>/signatures`: what publishers said of models, a file for each model and key.
///
/// Apart from the models, because a link can be signed, and a signature be checked, before the home has the model.
/// Nobody vouches for what lies there: only valid signatures are handed out.
package struct SignatureFolder: Sendable {
    /// What files of signatures are called behind their last dot.
    package static let fileExtension = "shoalsig"

    private let path: String

    /// - Parameter home: its absolute path; it need not be there, nor be held.
    package init(home: String) { self.path = "\(home)/signatures" }

    /// The valid signatures of a model, by key; at most ``MagnetLink/maximumSignatureCount``.
    package func signatures(of id: ManifestID) throws(StoreError) -> [PublisherSignature] {
        let folder: Folder
        do throws(StoreError) { folder = try Folder.open(self.path) } catch {
            guard error.code == .missing else { throw error }
            return []
        }
        let names = try folder.entries().filter { $0.hasPrefix(id.hex) }.sorted()
        var signatures: [PublisherSignature] = []
        for name in names where signatures.count < MagnetLink.maximumSignatureCount {
            guard let status = try folder.status(of: name), status.kind == .regular else { continue }
            let limit = PublisherSignature.maximumDocumentByteCount + 1
            let bytes = try folder.openFile(name, writable: false).bytes(at: 0, count: min(status.identity.size, limit))
            // A file that is no signature of this model says nothing about it.
            guard let signature = try? PublisherSignature(document: bytes), signature.manifestID == id,
                signature.isValid
            else { continue }
            signatures.append(signature)
        }
        return signatures
    }

    /// Keeps a signature; answers the path of its file.
    @discardableResult
    package func keep(_ signature: PublisherSignature) throws(StoreError) -> String {
        try Folder.create(self.path)
        let name = "\(signature.manifestID.hex).\(signature.publicKey.hex).\(Self.fileExtension)"
        try Folder.open(self.path).replace(name, with: signature.document + [UInt8(ascii: "\n")])
        return "\(self.path)/\(name)"
    }
}

extension ModelStore {
    /// `link` with the signatures of its model that this home keeps.
    package func signed(_ link: MagnetLink) throws(StoreError) -> MagnetLink {
        var link = link
        for signature in try SignatureFolder(home: self.home.path).signatures(of: link.manifestID) {
            link.add(signature)
        }
        return link
    }
}
