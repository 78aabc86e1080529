import Foundation

/// Rows for people, in as many columns as the terminal is wide.
struct Table {
    struct Column {
        let title: String
        var isNumber = false
        /// Left out first when there is too little room: the highest of them.
        var dispensability = 0

        init(_ title: String, isNumber: Bool = false, dispensability: Int = 0) {
            self.title = title
            self.isNumber = isNumber
            self.dispensability = dispensability
        }
    }

    /// A column, and what a report has in it.
    struct ReportColumn<Report>: Sendable {
        let head: Column
        let cell: @Sendable (Report) -> String

        init(_ head: Column, _ cell: @escaping @Sendable (Report) -> String) {
            self.head = head
            self.cell = cell
        }
    }

    private static let gap = "  "

    let columns: [Column]
    /// As many cells as there are columns.
    let rows: [[String]]

    init(columns: [Column], rows: [[String]]) {
        self.columns = columns
        self.rows = rows
    }

    /// A row for each report.
    init<Report>(_ reports: [Report], columns: [ReportColumn<Report>]) {
        self.init(columns: columns.map(\.head), rows: reports.map { report in columns.map { $0.cell(report) } })
    }

    /// The lines, none wider than `width`; the last column is cut when nothing else helps.
    func lines(width: Int?) -> [String] {
        var shown = Array(self.columns.indices)
        while let width, self.width(of: shown) > width {
            let candidates = shown.filter { self.columns[$0].dispensability > 0 }
            guard let next = candidates.max(by: { self.columns[$0].dispensability < self.columns[$1].dispensability })
            else { break }
            shown.removeAll { $0 == next }
        }
        let all = [self.columns.map(\.title)] + self.rows
        return all.map { row in
            var line = shown.map { self.padded(row[$0], $0) }.joined(separator: Self.gap)
            while line.last == " " { line.removeLast() }
            guard let width, line.count > width else { return line }
            return line.prefix(max(0, width - 1)) + "…"
        }
    }

    private func width(of shown: [Int]) -> Int {
        shown.reduce(0) { $0 + self.cellWidth($1) } + Self.gap.count * max(0, shown.count - 1)
    }

    private func cellWidth(_ column: Int) -> Int {
        self.rows.reduce(self.columns[column].title.count) { max($0, $1[column].count) }
    }

    private func padded(_ cell: String, _ column: Int) -> String {
        let padding = String(repeating: " ", count: self.cellWidth(column) - cell.count)
        return self.columns[column].isNumber ? padding + cell : cell + padding
    }
}

extension Console {
    /// Prints a table as a result, as wide as there is room.
    static func print(_ table: Table) throws {
        for line in table.lines(width: self.resultColumns) { try self.print(line) }
    }

    /// Of the terminal that results go to; nil when they go elsewhere, where nothing is to be left out.
    static var resultColumns: Int? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}
