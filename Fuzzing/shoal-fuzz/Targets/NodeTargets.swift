import Foundation
import ShoalCore

@testable import ShoalNode

/// What commands and the node of their home tell each other.
enum NodeTargets {
    /// 1,024 bytes: a refusal is a sentence, whatever was refused.
    private static let maximumRefusal = 1_024

    /// A request that is accepted is written so that it reads as the same request.
    static func request(_ bytes: [UInt8]) {
        do throws(NodeFailure) {
            let request = try NodeCodec.request(Data(bytes))
            guard let written = try? NodeCodec.bytes(of: request) else { return self.checkLength(of: bytes) }
            require((try? NodeCodec.request(written)) == request, "a request does not read as it is written")
            guard case .pin(let order) = request, let shards = order.shards else { return }
            self.shardRanges(Array(shards.utf8))
        } catch {
            self.check(error)
        }
    }

    static func answer(_ bytes: [UInt8]) {
        do throws(NodeFailure) {
            let answer = try NodeCodec.answer(Data(bytes))
            guard let written = try? NodeCodec.bytes(of: answer) else { return self.checkLength(of: bytes) }
            require((try? NodeCodec.answer(written)) == answer, "an answer does not read as it is written")
        } catch {
            self.check(error)
        }
    }

    /// Shards that are named are numbers of the text, and are of the model.
    static func shardRanges(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        do throws(NodeFailure) {
            let ranges = try ShardRanges(parsing: text)
            let numbers = text.split { $0 == "," || $0 == "-" }.compactMap { Int($0) }
            let count = (numbers.max() ?? 0) + 1
            guard let field = try? ranges.field(count: count) else {
                return require(false, "a shard that there is is refused")
            }
            require(numbers.allSatisfy { field[$0] }, "a shard that is named is not chosen")
            require((try? ranges.field(count: count - 1)) == nil, "a shard that there is not is chosen")
        } catch {
            self.check(error)
        }
    }

    /// Escaping makes a text longer: what had just room when it was read may have none any more.
    private static func checkLength(of bytes: [UInt8]) {
        require(bytes.count > NodeCodec.requestLimit / 6, "a short message cannot be written")
    }

    private static func check(_ failure: NodeFailure) {
        require((1...self.maximumRefusal).contains(failure.message.utf8.count), "a refusal says \(failure.message)")
    }
}
