import ShoalCore
import Testing

@testable import ShoalFormats

@Suite struct ModelConfigurationTests {
    private func read(_ text: String) throws -> ModelConfiguration { try ModelConfiguration(reading: Array(text.utf8)) }

    @Test func `settings are found under the names of their families`() throws {
        let deepseek = try self.read(
            #"{"model_type":"deepseek_v3","n_routed_experts":256,"num_experts_per_tok":8,"max_position_embeddings":163840}"#
        )
        #expect(deepseek.architecture == "deepseek_v3")
        #expect(deepseek.expertCounts == [256])
        #expect(deepseek.expertsUsed == 8)
        #expect(deepseek.contextLength == 163_840)
        let hunyuan = try self.read(#"{"num_experts":[1,64,64],"moe_topk":[1,8,8]}"#)
        #expect(hunyuan.expertCounts == [1, 64])
        #expect(hunyuan.expertsUsed == 8)
    }

    @Test func `an inner model says what the outer one leaves open`() throws {
        let outer = #""model_type":"outer","max_position_embeddings":7"#
        let inner =
            #""text_config":{"model_type":"inner","num_experts":4,"top_k_experts":2,"max_position_embeddings":9}"#
        for text in ["{\(outer),\(inner)}", "{\(inner),\(outer)}"] {
            let configuration = try self.read(text)
            #expect(configuration.architecture == "outer")
            #expect(configuration.contextLength == 7)
            #expect(configuration.expertCounts == [4])
            #expect(configuration.expertsUsed == 2)
        }
    }

    @Test func `without a type the first architecture is it`() throws {
        #expect(try self.read(#"{"architectures":["A","B"]}"#).architecture == "A")
        #expect(try self.read(#"{"architectures":[]}"#).architecture == nil)
        #expect(try self.read(#"{"architectures":[1,"B"]}"#).architecture == nil)
    }

    @Test(arguments: [
        #"{"model_type":""}"#, #"{"model_type":"a\u001bb"}"#, #"{"model_type":3}"#, #"{"num_experts_per_tok":0}"#,
        #"{"num_experts_per_tok":-1}"#, #"{"num_experts_per_tok":2.5}"#, #"{"num_experts_per_tok":"2"}"#,
        #"{"num_experts_per_tok":{}}"#, #"{"num_experts_per_tok":9007199254740992}"#, #"{"num_experts":[]}"#,
        #"{"text_config":null}"#, #"{"text_config":[{"num_experts":3}]}"#, #"{"quantization_config":[]}"#, "{}",
    ])
    func `a setting that is not what it should be is not there`(text: String) throws {
        let nothing = try self.read("{}")
        #expect(try self.read(text) == nothing)
    }

    @Test func `a type that is too long for a manifest is not there`() throws {
        for (count, isThere) in [(255, true), (256, false)] {
            let name = String(repeating: "a", count: count)
            #expect(try self.read(#"{"model_type":"\#(name)"}"#).architecture == (isThere ? name : nil))
        }
    }

    @Test func `Python's numbers are allowed and the last setting counts`() throws {
        let text = #"{"time_step_limit":[0.0,Infinity],"x":NaN,"y":-Infinity,"num_experts":2,"num_experts":3}"#
        #expect(try self.read(text).expertCounts == [3])
    }

    @Test(arguments: ["", "[]", "{", #"{"a":1"#, #"{"a":1}x"#])
    func `what is no JSON object is refused`(text: String) {
        #expect(throws: JSONError.self) { try self.read(text) }
    }
}
