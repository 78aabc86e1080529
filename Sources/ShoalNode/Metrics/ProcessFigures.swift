import Foundation

/// What this process takes of the machine, under the names that Prometheus's own libraries give it. What the system does
/// not tell is missing: on macOS memory and open files.
struct ProcessFigures: Sendable {
    /// User and system, in seconds.
    let cpuTime: Double?
    let residentBytes: Int?
    let openFiles: Int?
    let fileLimit: Int?

    /// When this process began to measure; first read when a node starts.
    static let start = Date.now

    static var now: ProcessFigures {
        ProcessFigures(
            cpuTime: Self.usedTime,
            residentBytes: Self.residentPages.map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) },
            openFiles: try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count,
            fileLimit: Self.openFileLimit
        )
    }

    var readings: [Reading] {
        let counts = [
            (Metric.residentMemory, self.residentBytes), (Metric.openFiles, self.openFiles),
            (Metric.fileLimit, self.fileLimit),
        ]
        return [Reading(.startTime, Self.start.timeIntervalSince1970)]
            + (self.cpuTime.map { [Reading(.cpuTime, $0)] } ?? [])
            + counts.compactMap { metric, count in count.map { Reading(metric, $0) } }
    }

    private static var usedTime: Double? {
        #if canImport(Darwin)
        let own = RUSAGE_SELF
        #else
        let own = RUSAGE_SELF.rawValue
        #endif
        var usage = rusage()
        guard getrusage(numericCast(own), &usage) == 0 else { return nil }
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }

    /// The second number of `/proc/self/statm` (proc(5)).
    private static var residentPages: Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let words = text.split(separator: " ")
        return words.count > 1 ? Int(words[1]) : nil
    }

    private static var openFileLimit: Int? {
        #if canImport(Darwin)
        let files = RLIMIT_NOFILE
        #else
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #endif
        var limit = rlimit()
        return getrlimit(files, &limit) == 0 ? Int(clamping: limit.rlim_cur) : nil
    }
}
