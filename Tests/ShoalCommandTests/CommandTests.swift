import Testing

/// Real processes on this host. One test at a time: each has several processes, and the machine may have two cores.
@Suite(.serialized, .timeLimit(.minutes(2)))
enum CommandTests {}
