import CFuzzer
import Foundation

/// `shoal-fuzz --list`: the names of the targets.
/// `shoal-fuzz --seeds NAME FOLDER`: writes the test vectors of a target as inputs into a folder.
/// `shoal-fuzz --target=NAME [--trace] [libFuzzer options] [FOLDER or FILE…]`: runs it; a trace says what a script does. libFuzzer leaves options that begin with `--` to us,
/// and hands them on to the processes that it starts.
@main enum ShoalFuzz {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        switch arguments.first {
        case "--list":
            for target in FuzzTarget.allCases { print(target.rawValue) }
        case "--seeds" where arguments.count == 3:
            guard let target = FuzzTarget(rawValue: arguments[2]) else { self.stopWithUsage() }
            Seeds.write(of: target, into: URL(filePath: arguments[3]))
        default:
            guard FuzzTarget.chosen != nil else { self.stopWithUsage() }
            self.runFuzzer()
        }
    }

    private static func runFuzzer() {
        var count = CommandLine.argc
        var values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        let status = LLVMFuzzerRunDriver(&count, &values) { data, size in
            FuzzTarget.chosen?.run([UInt8](UnsafeRawBufferPointer(start: data, count: size)))
            return 0
        }
        exit(status)
    }

    private static func stopWithUsage() -> Never {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        FileHandle.standardError.write(Data("usage: shoal-fuzz --target=NAME, one of \(names)\n".utf8))
        exit(2)
    }
}

/// Says what a script does, where it was asked to.
func trace(_ text: @autoclosure () -> String) {
    if FuzzTarget.isTraced { FileHandle.standardError.write(Data("\(text())\n".utf8)) }
}

/// Stops with `message` when what must always hold does not: libFuzzer then keeps the input. Unlike `precondition` it
/// also says the message in a release build.
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    guard !condition else { return }
    FileHandle.standardError.write(Data("shoal-fuzz: \(message())\n".utf8))
    abort()
}
