import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore
import ShoalTransport

/// Why something was not done, in words that say what to do about it.
public struct ShoalError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of thing stands in the way.
    public enum Code: Hashable, Sendable {
        /// The text is no link to a model.
        case badLink
        /// The text is no WebTorrent tracker, or there is none.
        case badTracker
        /// Another process is the node of that home.
        case homeInUse
        /// A disk is full, read-only, or returned what was not written to it.
        case storage
        /// WebRTC, the trackers' authority or the node itself could not be set up.
        case setup
        /// Nobody sent the manifest in time: no peer of the swarm was found, perhaps.
        case noManifest
        /// What was asked for was not here by its deadline. What has arrived is kept.
        case deadline
        /// The model has no such shard.
        case unknownShard
        /// The shard has no such bytes.
        case unknownRange
        /// The model has no such expert.
        case unknownExpert
        /// The manifest's expert registry contradicts the model's own headers.
        case wrongRegistry
        /// The swarm was left, or its node has been stopped.
        case left
    }

    /// What kind of thing stands in the way.
    public let code: Code
    /// One or two sentences for people, without a capital or a full stop.
    public let message: String

    /// The message.
    public var description: String { self.message }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The same as `error`, in this library's words.
    private init(_ error: any Error) {
        switch error {
        case let error as ShoalError: self = error
        case let error as LinkError: self.init(.badLink, error.problem)
        case let error as SignalingError: self.init(.badTracker, error.message)
        case let error as StoreError: self.init(error.code == .locked ? .homeInUse : .storage, error.message)
        case let error as DemandFailure:
            switch error {
            case .late: self.init(.deadline, "\(error)")
            case .left, .stopped: self.init(.left, "\(error)")
            case .noManifest: self.init(.noManifest, "\(error)")
            case .unknown: self.init(.unknownShard, "\(error)")
            }
        default: self.init(.setup, "\(error)")
        }
    }

    /// Runs `body`, whose errors become these; that a task is cancelled stays what it is.
    static func wrap<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as CancellationError {
            throw error
        } catch {
            throw ShoalError(error)
        }
    }
}
