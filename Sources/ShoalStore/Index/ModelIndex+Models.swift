import Foundation
import GRDB
package import ShoalCore
import ShoalFormats

/// A model as the index knows it, without opening it.
package struct IndexedModel: Hashable, Sendable {
    package let id: ManifestID
    /// Bytes of all its files.
    package let size: Int
    /// Bytes of its shards that are verified and synced.
    package let durableBytes: Int
    /// Milliseconds since 1970.
    package let lastUsed: Int
}

/// A file of the user's, as it was when its bytes were last hashed.
struct ExternalFile: Hashable, Sendable {
    /// In the manifest.
    let position: Int
    /// Absolute.
    let path: String
    let identity: FileIdentity
}

/// What the index knows of one model.
struct ModelRecord: Hashable, Sendable {
    let isChecked: Bool
    let externalFiles: [ExternalFile]
    /// Ascending.
    let durableShards: [ShardIndex]
    /// Of the durable shards, in milliseconds since 1970.
    let lastUses: [ShardIndex: Int64]
    /// Ascending.
    let pins: [ShardIndex]
}

extension ModelIndex {
    /// Most recently used first.
    func models() throws(StoreError) -> [IndexedModel] {
        try self.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT manifest, size, lastUsed,
                        (SELECT total(size) FROM durableShard WHERE durableShard.manifest = model.manifest) AS durable
                    FROM model ORDER BY lastUsed DESC, manifest
                    """
            )
            return rows.compactMap { row in
                let bytes: Data = row["manifest"]
                return ManifestID(bytes: bytes).map {
                    IndexedModel(
                        id: $0,
                        size: row["size"],
                        durableBytes: Int(row["durable"] as Double),
                        lastUsed: row["lastUsed"]
                    )
                }
            }
        }
    }

    /// What is known of `id`, which counts as used now; nothing is known of a model that is not in the index.
    func use(_ id: ManifestID, size: Int) throws(StoreError) -> ModelRecord {
        try self.write { database in
            try Self.touch(database, id, size: size)
            let isChecked = try Bool.fetchOne(
                database,
                sql: "SELECT checked FROM model WHERE manifest = ?",
                arguments: [id.data]
            )
            let uses = try Self.lastUses(database, id)
            return ModelRecord(
                isChecked: isChecked ?? false,
                externalFiles: try Self.externalFiles(database, id),
                durableShards: uses.keys.sorted(),
                lastUses: uses,
                pins: try Self.pins(database, id)
            )
        }
    }

    /// Registers files of the user's that were hashed just now and are all of `id`.
    func register(_ id: ManifestID, files: [ExternalFile], shards: [DurableShard]) throws(StoreError) {
        try self.write { database in
            try Self.touch(database, id, size: shards.reduce(0) { $0 + $1.size })
            try database.execute(sql: "UPDATE model SET checked = 1 WHERE manifest = ?", arguments: [id.data])
            try database.execute(sql: "DELETE FROM externalFile WHERE manifest = ?", arguments: [id.data])
            for file in files { try Self.insert(database, id, file) }
            try Self.insert(database, id, durable: shards)
        }
    }

    /// Notes external files as they look since they were hashed, for the first time or again.
    func update(_ id: ManifestID, _ files: [ExternalFile]) throws(StoreError) {
        guard !files.isEmpty else { return }
        try self.write { database in
            for file in files { try Self.insert(database, id, file) }
        }
    }

    /// Makes the files at these positions the store's own.
    func disown(_ id: ManifestID, _ positions: [Int]) throws(StoreError) {
        guard !positions.isEmpty else { return }
        try self.write { database in
            for position in positions {
                try database.execute(
                    sql: "DELETE FROM externalFile WHERE manifest = ? AND position = ?",
                    arguments: [id.data, position]
                )
            }
        }
    }

    /// Notes as durable those shards that `stillVerified` names, which is asked inside the transaction.
    func markDurable(
        _ id: ManifestID,
        stillVerified: () -> [DurableShard]
    ) throws(StoreError) {
        try self.write { database in try Self.insert(database, id, durable: stillVerified()) }
    }

    /// Forgets that these shards are durable.
    func markLost(_ id: ManifestID, _ shards: [ShardIndex]) throws(StoreError) {
        guard !shards.isEmpty else { return }
        try self.write { database in
            for shard in shards {
                try database.execute(
                    sql: "DELETE FROM durableShard WHERE manifest = ? AND position = ?",
                    arguments: [id.data, shard.position]
                )
            }
        }
    }

    /// Notes that every whole file has the SHA-256 of the manifest.
    func markChecked(_ id: ManifestID) throws(StoreError) {
        try self.write { database in
            try database.execute(sql: "UPDATE model SET checked = 1 WHERE manifest = ?", arguments: [id.data])
        }
    }

    /// The models that have the file at `path` as an external one, with all their external files.
    func modelsServing(_ path: String) throws(StoreError) -> [(id: ManifestID, files: [ExternalFile])] {
        try self.read { database in
            let ids = try Data.fetchAll(
                database,
                sql: "SELECT DISTINCT manifest FROM externalFile WHERE path = ? ORDER BY manifest",
                arguments: [path]
            )
            return try ids.compactMap { ManifestID(bytes: $0) }.map { ($0, try Self.externalFiles(database, $0)) }
        }
    }

    private static func touch(_ database: Database, _ id: ManifestID, size: Int) throws {
        try database.execute(
            sql: """
                INSERT INTO model (manifest, size, lastUsed) VALUES (?, ?, ?)
                ON CONFLICT (manifest) DO UPDATE SET lastUsed = excluded.lastUsed
                """,
            arguments: [id.data, size, Int(Date().timeIntervalSince1970 * 1000)]
        )
    }

    private static func insert(_ database: Database, _ id: ManifestID, _ file: ExternalFile) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO externalFile VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [
                id.data, file.position, file.path, file.identity.size, file.identity.modified, file.identity.inode,
            ]
        )
    }

    private static func insert(_ database: Database, _ id: ManifestID, durable: [DurableShard]) throws {
        let statement = try database.makeStatement(
            sql: "INSERT OR REPLACE INTO durableShard (manifest, position, size, kind, lastUsed) VALUES (?, ?, ?, ?, ?)"
        )
        for shard in durable {
            try statement.execute(
                arguments: [id.data, shard.shard.position, shard.size, shard.kind.rawValue, shard.lastUsed]
            )
        }
    }

    private static func externalFiles(_ database: Database, _ id: ManifestID) throws -> [ExternalFile] {
        try Row.fetchAll(
            database,
            sql: "SELECT * FROM externalFile WHERE manifest = ? ORDER BY position",
            arguments: [id.data]
        ).map { row in
            ExternalFile(
                position: row["position"],
                path: row["path"],
                identity: FileIdentity(size: row["size"], modified: row["modified"], inode: row["inode"])
            )
        }
    }
}

extension ManifestID {
    /// As the index has it.
    var data: Data { Data(self.bytes) }
}
