/// Told of everything that the store changes on the disk, before and after. No node has one: tests use it to have a disk fail,
/// and to find out what a machine that loses its power may have on its disk.
///
/// Descriptors are those of the process, valid during the call. Copies for the user (``FileCopy``) are not told.
protocol DiskObserver: Sendable {
    /// Throwing has the change fail, as if the system had refused it.
    func willMake(_ change: DiskChange) throws(StoreError)

    func made(_ change: DiskChange)
}

/// A change to the disk that is gone with the power until what it is about has been synced.
enum DiskChange {
    case makeFolder(String, in: Int32)
    case makeFile(String, in: Int32)
    case write(UnsafeRawBufferPointer, at: Int, to: Int32)
    case truncate(Int32, to: Int)
    case punch(Int32, Range<Int>)
    /// Over what has the name `to`.
    case rename(String, to: String, in: Int32)
    /// A file or an empty folder.
    case remove(String, in: Int32)
    /// What was written to a file, or which names are in a folder, survives from now on.
    case synchronize(Int32)
    /// The index has committed a transaction, which survives: SQLite syncs for itself.
    case commit
}
