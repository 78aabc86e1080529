import ShoalCore
import ShoalFormats
import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// The files of one model, wherever they lie: in the model's folder, or external, where the user has them.
///
/// A manifest may name 65,536 files, so at most ``openLimit`` are open; one that is in use stays open while it is.
final class ModelFiles: Sendable {
    /// 64: leaves most of the usual limit of 1,024 descriptors to sockets.
    static let openLimit = 64

    /// A read that failed, and which file is not to be trusted any more, if it is more than one shard's bad luck.
    struct ReadFailure: Error {
        let error: StoreError
        let lostFile: Int?
    }

    private struct State {
        var external: [Int: ExternalFile]
        var open: [Int: (file: Descriptor, lastUse: Int)] = [:]
        var uses = 0
        /// The store's own files that were found without a name, until they are made anew.
        var gone: Set<Int> = []
    }

    private let folder: ModelFolder
    private let files: [Manifest.File]
    private let state: Mutex<State>
    /// One at a time makes a file anew.
    private let replacing = Mutex(())

    init(folder: ModelFolder, files: [Manifest.File], external: [ExternalFile]) {
        self.folder = folder
        self.files = files
        let external = Dictionary(external.map { ($0.position, $0) }, uniquingKeysWith: { first, _ in first })
        self.state = Mutex(State(external: external))
    }

    /// The file as the user has it; nil when it is the store's own.
    func external(_ file: Int) -> ExternalFile? { self.state.withLock { $0.external[file] } }

    /// From now on these files are the store's own.
    func disown(_ files: [Int]) {
        self.state.withLock { state in
            for file in files {
                state.external[file] = nil
                state.open[file] = nil
            }
        }
    }

    /// From now on these files are the user's: read only.
    func adopt(_ files: [ExternalFile]) {
        self.state.withLock { state in
            for file in files {
                state.external[file.position] = file
                state.open[file.position] = nil
            }
        }
    }

    /// Reads all of the pieces into their places.
    func read(_ pieces: [ChunkMap.Piece], into buffer: UnsafeMutableRawBufferPointer) throws(ReadFailure) {
        for piece in pieces {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[piece.range])
            guard try self.read(piece.file, into: part, at: piece.offset) == part.count else {
                throw self.changed(piece.file, found: nil)
            }
        }
    }

    /// Fills `buffer` from one file; fewer bytes only at its end.
    func read(
        _ file: Int,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(ReadFailure) -> Int {
        let descriptor = try self.intact(file)
        do throws(StoreError) {
            return try descriptor.read(into: buffer, at: offset)
        } catch {
            throw ReadFailure(error: error, lostFile: nil)
        }
    }

    /// Whether no byte of the pieces was ever written. Holes of the user's files are bytes like any other.
    func isHole(_ pieces: [ChunkMap.Piece]) throws(StoreError) -> Bool {
        for piece in pieces {
            guard self.external(piece.file) == nil else { return false }
            guard let data = try self.descriptor(piece.file).nextData(from: piece.offset) else { continue }
            if data < piece.offset + piece.range.count { return false }
        }
        return true
    }

    /// Writes the pieces from their places in `bytes`; never into a file of the user's.
    func write(_ pieces: [ChunkMap.Piece], from bytes: UnsafeRawBufferPointer) throws(StoreError) {
        for piece in pieces {
            try self.ownDescriptor(piece.file).write(
                UnsafeRawBufferPointer(rebasing: bytes[piece.range]),
                at: piece.offset
            )
        }
    }

    /// Gives blocks of one of the store's own files back to the file system.
    func punch(_ file: Int, _ range: Range<Int>) throws(StoreError) { try self.ownDescriptor(file).punch(range) }

    /// Fails when one of these files is not the store's own, or has a second name.
    func requireOwn(_ files: some Sequence<Int>) throws(StoreError) {
        for file in files { _ = try self.ownDescriptor(file) }
    }

    /// The positions of the user's files.
    var externalPositions: Set<Int> { self.state.withLock { Set($0.external.keys) } }

    /// The open file, for writing: only one that the store made and that nobody else names.
    private func ownDescriptor(_ file: Int) throws(StoreError) -> Descriptor {
        let (cached, external) = self.state.withLock { ($0.open[file]?.file, $0.external[file]) }
        if let external {
            throw StoreError(
                .externalFile,
                "\(external.path) is yours and served in place: Shoal does not write to it"
            )
        }
        // Not by way of the cache: by now the file may be the user's.
        let descriptor: Descriptor
        if let cached { descriptor = cached } else { descriptor = try self.folder.openFile(self.files[file].path) }
        let linkCount = try descriptor.status().linkCount
        guard linkCount > 0 else { throw self.gone(file, descriptor) }
        guard linkCount == 1 else {
            throw StoreError(
                .externalFile,
                "\(descriptor.path) has a second name (a hard link), so Shoal does not write to it: "
                    + "remove it or replace it by a copy"
            )
        }
        self.state.withLock { state in
            state.uses += 1
            if state.external[file] == nil { self.keep(descriptor, file, &state) }
        }
        return descriptor
    }

    /// Returns when what was written to these files would survive a power cut.
    func synchronize(_ files: Set<Int>) throws(StoreError) {
        for file in files.sorted() where self.external(file) == nil { try self.descriptor(file).synchronize() }
    }

    /// Makes one of the store's own files anew, with holes for everything, if it is gone. Then the answer says so, and also
    /// when somebody has put another file in its place.
    func replaceIfMissing(_ file: Int) throws(StoreError) -> StoreError? {
        guard self.external(file) == nil else { return nil }
        return try self.replacing.withLock { _ throws(StoreError) in
            let damaged = try self.folder.prepareFiles([(file, self.files[file])])
            let wasGone = self.state.withLock { $0.gone.remove(file) } != nil
            return wasGone || !damaged.isEmpty ? self.goneError(file) : nil
        }
    }

    /// The open file, for reading: a file of the user's only if it is still the one that was hashed.
    func intact(_ file: Int) throws(ReadFailure) -> Descriptor {
        let external = self.external(file)
        do throws(StoreError) {
            let descriptor = try self.descriptor(file)
            let found = try descriptor.status()
            guard let external else {
                guard found.linkCount > 0 else { throw self.gone(file, descriptor) }
                return descriptor
            }
            guard found.kind == .regular, found.identity == external.identity else {
                throw self.changed(file, found: found.identity).error
            }
            return descriptor
        } catch {
            switch error.code {
            case .changed, .missing, .symbolicLink, .notAFolder, .notRegular, .permissionDenied:
                throw ReadFailure(error: error, lostFile: file)
            default:
                throw ReadFailure(error: error, lostFile: nil)
            }
        }
    }

    private func descriptor(_ file: Int) throws(StoreError) -> Descriptor {
        let (cached, external) = self.state.withLock { state in
            state.uses += 1
            state.open[file]?.lastUse = state.uses
            return (state.open[file]?.file, state.external[file])
        }
        if let cached { return cached }
        let opened: Descriptor
        if let external {
            opened = try Descriptor.open(external.path, O_RDONLY)
        } else {
            opened = try self.folder.openFile(self.files[file].path)
        }
        self.state.withLock { state in
            // It may have changed hands meanwhile.
            if state.external[file] == external { self.keep(opened, file, &state) }
        }
        return opened
    }

    private func keep(_ descriptor: Descriptor, _ file: Int, _ state: inout State) {
        if state.open[file] == nil, state.open.count >= Self.openLimit,
            let oldest = state.open.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            state.open[oldest.key] = nil
        }
        state.open[file] = (descriptor, state.uses)
    }

    /// How many files are open, in use or not.
    var openCount: Int { self.state.withLock { $0.open.count } }

    /// One of the store's own files has no name any more: it is opened by name the next time.
    private func gone(_ file: Int, _ descriptor: Descriptor) -> StoreError {
        self.state.withLock { state in
            // Somebody else may have found out, and another be open by now.
            guard state.open[file].map({ $0.file === descriptor }) ?? true else { return }
            state.open[file] = nil
            state.gone.insert(file)
        }
        return self.goneError(file)
    }

    private func goneError(_ file: Int) -> StoreError {
        StoreError(
            .missing,
            "\(self.folder.path)/files/\(self.files[file].path) was deleted while Shoal used it: what was in it has to be "
                + "fetched again"
        )
    }

    /// Takes note of what an external file is now: its bytes count only after they were hashed again.
    private func changed(_ file: Int, found: FileIdentity?) -> ReadFailure {
        let path = self.state.withLock { state in
            state.open[file] = nil
            guard let known = state.external[file] else { return "\(self.folder.path)/files/\(self.files[file].path)" }
            if let found { state.external[file] = ExternalFile(position: file, path: known.path, identity: found) }
            return known.path
        }
        let error = StoreError(
            .changed,
            "\(path) changed since it was hashed, so its parts are no longer served: restore it, or publish it again"
        )
        return ReadFailure(error: error, lostFile: file)
    }
}
