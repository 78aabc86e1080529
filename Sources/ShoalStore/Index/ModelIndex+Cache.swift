import Foundation
import GRDB
import ShoalCore
import ShoalFormats

/// A shard as the index has it once it is durable.
struct DurableShard: Hashable, Sendable {
    let shard: ShardIndex
    let size: Int
    let kind: Manifest.Shard.Kind
    /// Milliseconds since 1970.
    let lastUsed: Int64
}

/// What decides which shards go: when each was used last, which are pinned, how much room there is.
extension ModelIndex {
    static func registerCache(_ migrator: inout DatabaseMigrator) {
        migrator.registerMigration("cache: last uses, pins, budget") { database in
            try database.execute(
                sql: """
                    -- As in the manifest, so that a model need not be opened to tell what would go.
                    ALTER TABLE durableShard ADD COLUMN kind TEXT NOT NULL DEFAULT 'dense';
                    -- Milliseconds since 1970.
                    ALTER TABLE durableShard ADD COLUMN lastUsed INTEGER NOT NULL DEFAULT 0;
                    -- Shards that stay, once they are here.
                    CREATE TABLE pinnedShard (
                        manifest BLOB NOT NULL REFERENCES model ON DELETE CASCADE,
                        position INTEGER NOT NULL,
                        PRIMARY KEY (manifest, position)
                    ) STRICT, WITHOUT ROWID;
                    -- One row, or none while there is no budget.
                    CREATE TABLE cacheBudget (
                        one INTEGER PRIMARY KEY CHECK (one = 1),
                        bytes INTEGER NOT NULL CHECK (bytes >= 0)
                    ) STRICT;
                    """
            )
        }
    }

    func cacheBudget() throws(StoreError) -> CacheBudget? {
        try self.read { try Int.fetchOne($0, sql: "SELECT bytes FROM cacheBudget") }.map { CacheBudget(limit: $0) }
    }

    func setCacheBudget(_ budget: CacheBudget?) throws(StoreError) {
        try self.write { database in
            if let budget {
                try database.execute(sql: "INSERT OR REPLACE INTO cacheBudget VALUES (1, ?)", arguments: [budget.limit])
            } else {
                try database.execute(sql: "DELETE FROM cacheBudget")
            }
        }
    }

    /// One transaction for many uses. Shards that are not durable are left out: they are looked at when they are.
    func saveUses(_ id: ManifestID, _ uses: [(shard: ShardIndex, at: Int64)]) throws(StoreError) {
        guard !uses.isEmpty else { return }
        try self.write { database in
            let statement = try database.makeStatement(
                sql: "UPDATE durableShard SET lastUsed = ? WHERE manifest = ? AND position = ?"
            )
            for use in uses { try statement.execute(arguments: [use.at, id.data, use.shard.position]) }
        }
    }

    func setPinned(_ id: ManifestID, _ shards: [ShardIndex], _ isPinned: Bool) throws(StoreError) {
        guard !shards.isEmpty else { return }
        try self.write { database in
            let statement = try database.makeStatement(
                sql: isPinned
                    ? "INSERT OR IGNORE INTO pinnedShard (manifest, position) VALUES (?, ?)"
                    : "DELETE FROM pinnedShard WHERE manifest = ? AND position = ?"
            )
            for shard in shards { try statement.execute(arguments: [id.data, shard.position]) }
        }
    }

    /// The durable shards of models, with whether each is pinned. Models of which a file is the user's are left out: which
    /// shards lie in it only their manifest tells.
    func cachedShards(besides opened: Set<ManifestID>) throws(StoreError) -> [(shard: CachedShard, isPinned: Bool)] {
        try self.read { database in
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT manifest, position, size, kind, lastUsed,
                        EXISTS (
                            SELECT * FROM pinnedShard
                            WHERE pinnedShard.manifest = durableShard.manifest
                                AND pinnedShard.position = durableShard.position
                        ) AS pinned
                    FROM durableShard
                    WHERE manifest NOT IN (SELECT manifest FROM externalFile)
                    """
            )
            var shards: [(CachedShard, Bool)] = []
            while let row = try rows.next() {
                let bytes: Data = row["manifest"]
                guard let id = ManifestID(bytes: bytes), !opened.contains(id),
                    let kind = Manifest.Shard.Kind(rawValue: row["kind"])
                else { continue }
                let shard = CachedShard(
                    model: id,
                    shard: ShardIndex(row["position"] as Int),
                    kind: kind,
                    bytes: row["size"],
                    lastUsed: row["lastUsed"]
                )
                shards.append((shard, row["pinned"]))
            }
            return shards
        }
    }

    static func lastUses(_ database: Database, _ id: ManifestID) throws -> [ShardIndex: Int64] {
        let rows = try Row.fetchCursor(
            database,
            sql: "SELECT position, lastUsed FROM durableShard WHERE manifest = ?",
            arguments: [id.data]
        )
        var uses: [ShardIndex: Int64] = [:]
        while let row = try rows.next() { uses[ShardIndex(row["position"] as Int)] = row["lastUsed"] }
        return uses
    }

    /// Ascending.
    func pins(_ id: ManifestID) throws(StoreError) -> [ShardIndex] {
        try self.read { database in try Self.pins(database, id) }
    }

    static func pins(_ database: Database, _ id: ManifestID) throws -> [ShardIndex] {
        try Int.fetchAll(
            database,
            sql: "SELECT position FROM pinnedShard WHERE manifest = ? ORDER BY position",
            arguments: [id.data]
        ).map { ShardIndex($0) }
    }
}
