/// Why a scenario's text cannot be read: where, and what would be right.
package struct ScenarioError: Error, Hashable, CustomStringConvertible {
    /// From 1 on; 0 is the file as a whole.
    package var line: Int
    package var message: String

    package var description: String { self.line == 0 ? self.message : "line \(self.line): \(self.message)" }
}
