import Foundation

/// How many files and sockets this process may have open at a time.
package enum OpenFiles {
    /// Raises the limit to `count` if the system lets it, and never lowers it. Returns the limit that then holds.
    package static func allow(_ count: Int) -> Int {
        #if canImport(Glibc) || canImport(Musl)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
        let resource = RLIMIT_NOFILE
        #endif
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return count }
        guard limit.rlim_cur < rlim_t(count) else { return count }
        limit.rlim_cur = min(rlim_t(count), limit.rlim_max)
        // What cannot be raised stays as it was, which is what is read next.
        _ = setrlimit(resource, &limit)
        _ = getrlimit(resource, &limit)
        return Int(clamping: limit.rlim_cur)
    }
}
