import Foundation
import GRDB
import ShoalCore

/// Under which link each model is known here: what people call it, and where its swarm is found.
extension ModelIndex {
    static func registerLinks(_ migrator: inout DatabaseMigrator) {
        migrator.registerMigration("links: how a model was added") { database in
            // The text of the link. It may hold a swarm's key, as the home holds the node's.
            try database.execute(sql: "ALTER TABLE model ADD COLUMN link TEXT")
        }
    }

    func link(_ id: ManifestID) throws(StoreError) -> String? {
        try self.read { database in
            try String.fetchOne(database, sql: "SELECT link FROM model WHERE manifest = ?", arguments: [id.data])
        }
    }

    /// Nothing happens when the index does not know the model.
    func setLink(_ id: ManifestID, _ text: String) throws(StoreError) {
        try self.write { database in
            try database.execute(
                sql: "UPDATE model SET link = ? WHERE manifest = ?",
                arguments: [text, id.data]
            )
        }
    }

    /// How many files of each model are the user's.
    func externalFileCounts() throws(StoreError) -> [ManifestID: Int] {
        try self.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT manifest, count(*) AS files FROM externalFile GROUP BY manifest"
            )
            var counts: [ManifestID: Int] = [:]
            for row in rows {
                let bytes: Data = row["manifest"]
                if let id = ManifestID(bytes: bytes) { counts[id] = row["files"] }
            }
            return counts
        }
    }

    /// The shards that were durable when the model was looked at last, without looking at it now.
    func durableShards(_ id: ManifestID) throws(StoreError) -> [ShardIndex] {
        try self.read { database in
            try Int.fetchAll(
                database,
                sql: "SELECT position FROM durableShard WHERE manifest = ? ORDER BY position",
                arguments: [id.data]
            ).map { ShardIndex($0) }
        }
    }

    /// Forgets all that is known of a model. Answers the paths of its external files.
    func remove(_ id: ManifestID) throws(StoreError) -> [String] {
        try self.write { database in
            let paths = try String.fetchAll(
                database,
                sql: "SELECT path FROM externalFile WHERE manifest = ? ORDER BY position",
                arguments: [id.data]
            )
            try database.execute(sql: "DELETE FROM model WHERE manifest = ?", arguments: [id.data])
            return paths
        }
    }
}
