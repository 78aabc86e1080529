import Foundation
import GRDB
import ShoalCore

/// The home's SQLite index: which shards are durable, and where the user's files lie.
///
/// It indexes; it is not the truth. A shard without a row here is absent, being received or verified, and hashing what
/// the disk holds tells which. So the index may be deleted: the models are then hashed once, and only the places of
/// external files are forgotten. Every commit is synced (`synchronous = FULL`): a row that says "durable" never
/// outlives its removal.
final class ModelIndex: Sendable {
    private let pool: DatabasePool
    private let path: String
    private let observer: (any DiskObserver)?

    init(path: String, observer: (any DiskObserver)? = nil) throws(StoreError) {
        self.path = path
        self.observer = observer
        var configuration = Configuration()
        // A list in the foreground beside one in the background; everything else goes through the writer.
        configuration.maximumReaderCount = 2
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        do {
            self.pool = try DatabasePool(path: path, configuration: configuration)
            try Self.migrator.migrate(self.pool)
            observer?.made(.commit)
        } catch {
            throw Self.storeError(error, path)
        }
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: models, external files, durable shards") { database in
            try database.execute(
                sql: """
                    CREATE TABLE model (
                        manifest BLOB PRIMARY KEY NOT NULL CHECK (length(manifest) = 32),
                        size INTEGER NOT NULL,
                        -- Whether the whole files were compared with their SHA-256 in the manifest.
                        checked INTEGER NOT NULL DEFAULT 0,
                        -- Milliseconds since 1970.
                        lastUsed INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    -- Files of the user's that are served in place; a file without a row is the store's own.
                    CREATE TABLE externalFile (
                        manifest BLOB NOT NULL REFERENCES model ON DELETE CASCADE,
                        position INTEGER NOT NULL,
                        path TEXT NOT NULL,
                        size INTEGER NOT NULL,
                        -- Nanoseconds since 1970.
                        modified INTEGER NOT NULL,
                        inode INTEGER NOT NULL,
                        PRIMARY KEY (manifest, position)
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX externalFileByPath ON externalFile (path);
                    CREATE TABLE durableShard (
                        manifest BLOB NOT NULL REFERENCES model ON DELETE CASCADE,
                        position INTEGER NOT NULL,
                        size INTEGER NOT NULL,
                        PRIMARY KEY (manifest, position)
                    ) STRICT, WITHOUT ROWID;
                    """
            )
        }
        Self.registerLinks(&migrator)
        Self.registerCache(&migrator)
        return migrator
    }

    func read<Result>(_ body: (Database) throws -> Result) throws(StoreError) -> Result {
        do {
            return try self.pool.read(body)
        } catch {
            throw Self.storeError(error, self.path)
        }
    }

    /// One transaction. Writers take turns, so what `body` asks of the model's state holds until it commits.
    func write<Result>(_ body: (Database) throws -> Result) throws(StoreError) -> Result {
        try self.observer?.willMake(.commit)
        do {
            let result = try self.pool.write(body)
            self.observer?.made(.commit)
            return result
        } catch {
            throw Self.storeError(error, self.path)
        }
    }

    private static func storeError(_ error: any Error, _ path: String) -> StoreError {
        guard let error = error as? DatabaseError else { return StoreError(.system, "\(path): \(error)", cause: error) }
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT:
            return StoreError(
                .damagedIndex,
                "the index \(path) is damaged: delete it (and \(path)-wal, \(path)-shm); models are then checked again, "
                    + "and files that are served in place need to be published again",
                cause: error
            )
        case .SQLITE_FULL:
            return StoreError(
                .diskFull,
                "the disk that holds \(path) is full: free some room and try again",
                cause: error
            )
        case .SQLITE_READONLY:
            return StoreError(.readOnly, "the index \(path) cannot be written: check its mode and disk", cause: error)
        case .SQLITE_CANTOPEN, .SQLITE_PERM:
            return StoreError(
                .permissionDenied,
                "the index \(path) cannot be opened: check its owner and mode",
                cause: error
            )
        case .SQLITE_IOERR:
            return StoreError(
                .system,
                "the disk refuses to read or write the index \(path): look for its errors in the system's log",
                cause: error
            )
        default:
            return StoreError(.system, "the index \(path): \(error)", cause: error)
        }
    }
}
