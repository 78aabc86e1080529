import ArgumentParser
import Foundation
import ShoalSimulation

/// Where scenarios come from.
enum ScenarioFile {
    /// Reads the scenario at `path`, or that of this name in `Simulations`.
    static func read(_ path: String) throws -> Scenario {
        let candidates = [path, "Simulations/\(path).scenario"]
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw ValidationError("there is no scenario \(path), nor Simulations/\(path).scenario")
        }
        let text = try String(contentsOfFile: found, encoding: .utf8)
        do {
            return try Scenario(reading: text)
        } catch {
            throw ValidationError("\(found): \(error)")
        }
    }
}
