package import ShoalCore
import ShoalFormats

/// What a keyed function answered, found again by the hash of what it was asked. So a recording holds no private key
/// and a replay needs none.
package struct RecordedAnswer: Hashable, Codable, Sendable {
    /// Of the function's name and arguments.
    let question: Digest
    /// A signature, a digest, or one byte for yes or no.
    let answer: [UInt8]

    package init(nodeID: NodeID, of key: PublicKey) {
        self.question = Question.nodeID.digest(key.bytes)
        self.answer = nodeID.bytes
    }

    package init(signature: [UInt8], of message: [UInt8]) {
        self.question = Question.signature.digest(message)
        self.answer = signature
    }

    package init(isValid: Bool, _ signature: [UInt8], of message: [UInt8], by key: PublicKey) {
        self.question = Question.validity.digest(signature, message, key.bytes)
        self.answer = [isValid ? 1 : 0]
    }

    package init(code: Digest, of message: [UInt8], key: Digest) {
        self.question = Question.code.digest(message, key.bytes)
        self.answer = code.bytes
    }

    fileprivate enum Question: UInt8 {
        case nodeID
        case signature
        case validity
        case code

        func digest(_ arguments: [UInt8]...) -> Digest {
            // Hashed one by one: where one argument ends is part of the question.
            Digest(sha256Of: [self.rawValue] + arguments.flatMap { Digest(sha256Of: $0).bytes })
        }
    }
}

/// Answers as the node's own did. A question that the node never asked gets an answer that fits nothing: the run has
/// left the recorded one by then.
package struct RecordedAuthenticator: Authenticator {
    package let publicKey: PublicKey
    private let answers: [Digest: [UInt8]]

    package init(publicKey: PublicKey, answers: [RecordedAnswer]) {
        self.publicKey = publicKey
        self.answers = Dictionary(answers.map { ($0.question, $0.answer) }) { first, _ in first }
    }

    package func nodeID(of key: PublicKey) -> NodeID {
        NodeID(bytes: self.answers[RecordedAnswer.Question.nodeID.digest(key.bytes)] ?? []) ?? NodeID(.nothing)
    }

    package func sign(_ message: [UInt8]) -> [UInt8] {
        self.answers[RecordedAnswer.Question.signature.digest(message)] ?? [UInt8](repeating: 0, count: 64)
    }

    package func isValid(_ signature: [UInt8], of message: [UInt8], by key: PublicKey) -> Bool {
        self.answers[RecordedAnswer.Question.validity.digest(signature, message, key.bytes)] == [1]
    }

    package func authenticationCode(of message: [UInt8], key: Digest) -> Digest {
        Digest(bytes: self.answers[RecordedAnswer.Question.code.digest(message, key.bytes)] ?? []) ?? .nothing
    }

    package func digest(of bytes: [UInt8]) -> Digest { Digest(sha256Of: bytes) }
}

extension Digest {
    /// No hash that anybody has seen.
    fileprivate static let nothing = Digest(storage: ThirtyTwoBytes(bytes: [UInt8](repeating: 0, count: 32))!)
}
