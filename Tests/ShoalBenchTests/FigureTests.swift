import Testing

@testable import shoal_bench

@Suite struct FigureTests {
    @Test func `a row has the median and the range`() {
        let text = FigureRow("start", "s").text([3, 1, 2])
        #expect(text == "start".padding(to: 40) + "     2.00 s (1.00 to 3.00)")
        #expect(FigureRow("start", "s").text([]) == nil)
    }

    @Test func `quantiles are of the nearest rank`() {
        let quantiles = Quantiles((1...100).map(Double.init).reversed())
        #expect(quantiles.p50 == 50)
        #expect(quantiles.p95 == 95)
        #expect(quantiles.most == 100)
        #expect(Quantiles([]).text("%.0f") == "–")
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `a router picks as many experts as a token uses, each once, and some much oftener`(seed: UInt64) {
        let shape = ExpertShape(layers: 2, perLayer: 32, used: 4, expertBytes: 1)
        var router = SkewedRouter(shape: shape, seed: seed)
        var again = SkewedRouter(shape: shape, seed: seed)
        var counts = [Int](repeating: 0, count: shape.perLayer)
        for _ in 0..<500 {
            let experts = router.experts(of: 1)
            #expect(Set(experts).count == 4)
            let repeated = again.experts(of: 1)
            #expect(repeated == experts)
            for expert in experts { counts[expert] += 1 }
        }
        counts.sort()
        #expect(counts[31] > 4 * counts[16])
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: width - self.count) }
}
