/// The parsers that see bytes of strangers, and the machines that see what these bytes say.
///
/// A target takes any bytes, must neither crash nor hang, and checks what holds for whatever is accepted: above all that
/// it is written again as it was read.
enum FuzzTarget: String, CaseIterable, Sendable {
    case controlMessage = "control-message"
    case frame = "frame"
    case frameLedger = "frame-ledger"
    case canonicalJSON = "canonical-json"
    case manifest = "manifest"
    case hashList = "hash-list"
    case link = "link"
    case trackerURL = "tracker-url"
    case gguf = "gguf"
    case trackerRequest = "tracker-request"
    case trackerResponse = "tracker-response"
    case tracker = "tracker"
    case sessionDescription = "session-description"
    case memberNote = "member-note"
    case recording = "recording"
    case safetensors = "safetensors"
    case signature = "signature"
    case nodeRequest = "node-request"
    case nodeAnswer = "node-answer"
    case shardRanges = "shard-ranges"
    case mesh = "mesh"

    /// The one that the command line names.
    static let chosen: FuzzTarget? = {
        let option = "--target="
        let names = CommandLine.arguments.filter { $0.hasPrefix(option) }.map { String($0.dropFirst(option.count)) }
        return names.first.flatMap(FuzzTarget.init)
    }()

    /// Whether scripts say what they do.
    static let isTraced = CommandLine.arguments.contains("--trace")

    func run(_ bytes: [UInt8]) {
        switch self {
        case .controlMessage: WireTargets.controlMessage(bytes)
        case .frame: WireTargets.frame(bytes)
        case .frameLedger: LedgerScript.run(bytes)
        case .canonicalJSON: FormatTargets.canonicalJSON(bytes)
        case .manifest: FormatTargets.manifest(bytes)
        case .hashList: FormatTargets.hashList(bytes)
        case .link: FormatTargets.link(bytes)
        case .trackerURL: SignalingTargets.trackerURL(bytes)
        case .gguf: GGUFTarget.run(bytes)
        case .trackerRequest: SignalingTargets.request(bytes)
        case .trackerResponse: SignalingTargets.response(bytes)
        case .tracker: TrackerScript.run(bytes)
        case .sessionDescription: SignalingTargets.sessionDescription(bytes)
        case .memberNote: SignalingTargets.memberNote(bytes)
        case .recording: RecordingTarget.run(bytes)
        case .safetensors: SafetensorsTarget.run(bytes)
        case .signature: FormatTargets.signature(bytes)
        case .nodeRequest: NodeTargets.request(bytes)
        case .nodeAnswer: NodeTargets.answer(bytes)
        case .shardRanges: NodeTargets.shardRanges(bytes)
        case .mesh: MeshScript.run(bytes)
        }
    }
}
