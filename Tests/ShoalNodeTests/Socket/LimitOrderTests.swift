import ShoalNode
import ShoalSwarm
import Testing

/// What a client may have limited.
struct LimitOrderTests {
    private func order(_ make: (inout LimitOrder) -> Void) -> LimitOrder {
        var order = LimitOrder()
        make(&order)
        return order
    }

    @Test func `an order changes what it names, and lifts what it sets to 0`() throws {
        var limits = TransferLimits()
        try self.order { $0.upload = 20_000 }.apply(to: &limits)
        try self.order { $0.downloadPerPeer = 30_000 }.apply(to: &limits)
        try self.order { $0.uploadSlots = 50 }.apply(to: &limits)
        #expect(limits.upload == TransferLimits.Rates(total: 20_000))
        #expect(limits.download == TransferLimits.Rates(perPeer: 30_000))
        try self.order {
            $0.upload = 0
            $0.uploadSlots = 0
        }.apply(to: &limits)
        #expect(limits.upload == TransferLimits.Rates() && limits.uploadSlots == nil)
        #expect(limits.download == TransferLimits.Rates(perPeer: 30_000))
    }

    @Test(arguments: [-1, 1, 16_383, 1_000_000_000_001, .max, .min])
    func `a rate that no node can keep to is refused by name`(rate: Int) {
        for order in [
            self.order { $0.upload = rate }, self.order { $0.uploadPerPeer = rate },
            self.order { $0.download = rate }, self.order { $0.downloadPerPeer = rate },
        ] {
            var limits = TransferLimits()
            let failure = #expect(throws: NodeFailure.self) { try order.apply(to: &limits) }
            #expect(failure?.message.contains("load limit") == true, "\(String(describing: failure))")
        }
    }

    @Test(arguments: [-1, 51, .max]) func `slots are as many as there may be connections`(slots: Int) {
        var limits = TransferLimits()
        #expect(throws: NodeFailure.self) { try self.order { $0.uploadSlots = slots }.apply(to: &limits) }
    }
}
