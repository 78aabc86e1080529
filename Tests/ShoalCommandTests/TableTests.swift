import Testing

@testable import ShoalCommand

struct TableTests {
    private let table = Table(
        columns: [
            .init("NAME"), .init("SIZE", isNumber: true), .init("LUXURY", dispensability: 2),
            .init("COMFORT", dispensability: 1), .init("PATH"),
        ],
        rows: [["a", "1 kB", "x", "y", "host 127.0.0.1:4000"], ["longer", "22 kB", "xx", "yy", "?"]]
    )

    @Test func `columns are as wide as what is in them`() {
        #expect(
            self.table.lines(width: nil) == [
                "NAME     SIZE  LUXURY  COMFORT  PATH",
                "a        1 kB  x       y        host 127.0.0.1:4000",
                "longer  22 kB  xx      yy       ?",
            ]
        )
    }

    @Test(arguments: [(51, 5), (50, 4), (43, 4), (42, 3), (34, 3), (20, 3)])
    func `a narrow terminal has fewer columns, and no line is wider than it`(width: Int, columns: Int) {
        let lines = self.table.lines(width: width)
        #expect(lines[0].split(separator: " ").count == columns)
        #expect(lines.allSatisfy { $0.count <= width })
        #expect(lines[1].hasSuffix(width >= 34 ? ":4000" : "…"))
    }

    @Test func `a table without rows is its head`() {
        #expect(Table(columns: [.init("A"), .init("B")], rows: []).lines(width: 80) == ["A  B"])
    }
}
