// Works on a store until it is killed, which it sees to itself: at a random moment, wherever it is then.
//
//     store-driver HOME BESIDE SEED MICROSECONDS
//
// Exits with 1 and says why when what is left of the processes before is not right.

import Foundation

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

let arguments = CommandLine.arguments
guard arguments.count == 5, let seed = UInt64(arguments[3]), let life = UInt32(arguments[4]) else {
    FileHandle.standardError.write(Data("usage: store-driver HOME BESIDE SEED MICROSECONDS\n".utf8))
    exit(2)
}

Thread.detachNewThread {
    usleep(life)
    kill(getpid(), SIGKILL)
}

do {
    var driver = try Driver(home: arguments[1], beside: arguments[2], seed: seed)
    try driver.check()
    while true { try driver.work() }
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
