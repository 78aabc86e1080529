package import ShoalCore
package import ShoalFormats

/// What models are called, and how a command names one.
extension ModelStore {
    /// The link that the model was added with last; a bare one when nothing is known.
    package func link(to id: ManifestID) throws(StoreError) -> MagnetLink {
        // What cannot be read any more was written by another version, and is only a courtesy.
        guard let text = try self.index.link(id), let link = try? MagnetLink(parsing: text), link.manifestID == id
        else {
            return MagnetLink(manifestID: id)
        }
        return link
    }

    /// Keeps the link of a model that the home holds. What it does not say stays as it was.
    package func remember(_ link: MagnetLink) throws(StoreError) {
        let known = try self.link(to: link.manifestID)
        var latest = link
        latest.name = link.name ?? known.name
        if link.trackers.isEmpty { latest.trackers = known.trackers }
        for signature in known.signatures { latest.add(signature) }
        if link.origins.isEmpty { latest.origins = known.origins }
        if link.manifestSources.isEmpty { latest.manifestSources = known.manifestSources }
        guard latest != known else { return }
        try self.index.setLink(link.manifestID, latest.text)
    }

    /// 4 characters of a manifest ID: fewer are more likely a slip than a name.
    package static let leastPrefix = 4

    /// The model of this home that `text` names: a link, or the beginning of a manifest ID that no other model shares.
    package func model(named text: String) throws(StoreError) -> ManifestID {
        if text.lowercased().hasPrefix("magnet:") {
            do throws(LinkError) {
                return try MagnetLink(parsing: text).manifestID
            } catch {
                throw StoreError(.badName, error.problem, cause: error)
            }
        }
        let prefix = text.lowercased()
        guard prefix.count >= Self.leastPrefix, prefix.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            throw StoreError(
                .badName,
                "\(text) is neither a link nor the first \(Self.leastPrefix) or more characters of a manifest ID "
                    + "(`shoal list` shows them)"
            )
        }
        let matches = try self.modelIDs().filter { $0.hex.hasPrefix(prefix) }
        guard let match = matches.first else {
            throw StoreError(.missing, "this home has no model \(text): `shoal list` shows what it has")
        }
        guard matches.count == 1 else {
            let list = matches.map(\.hex).sorted().joined(separator: ", ")
            throw StoreError(.badName, "\(text) names \(matches.count) models: \(list)")
        }
        return match
    }
}
