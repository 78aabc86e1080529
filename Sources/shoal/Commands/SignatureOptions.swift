import ArgumentParser
import Foundation
import ShoalCore
import ShoalFormats
import ShoalStore

/// Who has signed a model: what its link, a file and the home say, and whom the user trusts.
struct SignatureOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("A publisher's signature of the model, as `shoal sign` writes it.", valueName: "file"),
        transform: { try notEmpty($0) }
    )
    var signature: String?

    @Option(
        help: ArgumentHelp("Go on only if this publisher has signed the model: 64 hex digits.", valueName: "key"),
        transform: { text in
            guard let key = PublicKey(hex: text.lowercased()) else {
                throw ValidationError("a publisher's key is 64 hex digits, as `shoal sign` prints it")
            }
            return key
        }
    )
    var requireSignature: PublicKey?

    /// The keys of the valid signatures of the model that `link` names, in the order in which they were found. The home
    /// keeps the signatures from now on.
    ///
    /// Throws when the user's file is no valid signature of this model, or the required one is not there.
    func signers(of link: MagnetLink, home: HomeOptions) throws -> [PublicKey] {
        let folder = SignatureFolder(home: Home.absolute(home.path))
        var found = try folder.signatures(of: link.manifestID)
        var new = link.signatures.filter { signature in
            guard !signature.isValid else { return true }
            Console.say("warning: the link's signature by \(signature.publicKey) is not valid: it says nothing")
            return false
        }
        if let signature { new.insert(try Self.read(signature, of: link.manifestID), at: 0) }
        for signature in new where !found.contains(where: { $0.publicKey == signature.publicKey }) {
            try folder.keep(signature)
            found.append(signature)
        }
        let keys = found.map(\.publicKey)
        if let required = self.requireSignature, !keys.contains(required) {
            throw CommandError(
                "\(required) has not signed this model\(Self.others(keys)): ask its publisher for a link with a "
                    + "signature, or give the file with --signature; nothing was fetched"
            )
        }
        return keys
    }

    private static func others(_ keys: [PublicKey]) -> String {
        keys.isEmpty ? "" : ", but \(keys.map(\.hex).joined(separator: ", "))"
    }

    private static func read(_ path: String, of id: ManifestID) throws -> PublisherSignature {
        let document: Data
        do {
            let file = try FileHandle(forReadingFrom: URL(filePath: path))
            document = try file.read(upToCount: PublisherSignature.maximumDocumentByteCount + 1) ?? Data()
        } catch {
            throw CommandError("\(path) cannot be read: give the file that `shoal sign` wrote")
        }
        let signature: PublisherSignature
        do throws(SignatureError) {
            signature = try PublisherSignature(document: Array(document))
        } catch {
            throw CommandError("\(path) is no signature: \(error)")
        }
        guard signature.manifestID == id else {
            throw CommandError("\(path) signs another model, \(signature.manifestID): ask for the one of this model")
        }
        guard signature.isValid else {
            throw CommandError("\(path) is forged or damaged: \(signature.publicKey) has not signed this model")
        }
        return signature
    }
}
