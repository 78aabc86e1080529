import ArgumentParser
import Foundation

/// The program: parses, runs one command, turns what came of it into an exit code.
///
/// 0 done, 1 failed, 2 usage, 130 interrupted.
@main
enum Program {
    static func main() async {
        // A reader that went away is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try ShoalCommand.parseAsRoot()
            if let command = command as? any ShoalSubcommand { Foundation.exit(await self.run(command)) }
            // The parser's own: it knows which help was asked for.
            try command.run()
            Foundation.exit(0)
        } catch {
            Foundation.exit(self.explain(error))
        }
    }

    /// Help and version go to stdout and are no error; everything else is a wrong use of the command.
    private static func explain(_ error: any Error) -> Int32 {
        let text = ShoalCommand.fullMessage(for: error)
        guard ShoalCommand.exitCode(for: error) != .success else {
            // Help that cannot be written has nobody to read it.
            try? Console.print(text)
            return 0
        }
        Console.say(text)
        return 2
    }

    /// Runs the command until it is done or the user stops it.
    private static func run(_ command: any ShoalSubcommand) async -> Int32 {
        let interrupts = Interrupts()
        return await withTaskGroup(of: Int32?.self) { group in
            group.addTask { await self.outcome(of: command) }
            group.addTask {
                await interrupts.wait()
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            guard let code = first else {
                // The command cleans up behind itself before it ends.
                _ = await group.next()
                return 130
            }
            return code
        }
    }

    private static func outcome(of command: any ShoalSubcommand) async -> Int32 {
        do {
            try await command.run()
            return 0
        } catch is CancellationError {
            return 130
        } catch {
            Console.say("error: \(error)")
            return 1
        }
    }
}

/// `shoal`: its subcommands, one file each.
struct ShoalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shoal",
        abstract: "Share the weights of language models from peer to peer.",
        version: Version.text,
        subcommands: [
            PublishCommand.self, SeedCommand.self, FetchCommand.self, TrackerCommand.self, ManifestCommand.self,
            ListCommand.self, VerifyCommand.self, RemoveCommand.self, AdoptCommand.self, CacheCommand.self,
            ConfigCommand.self, PinCommand.self, UnpinCommand.self, StatusCommand.self, PeersCommand.self,
            LimitCommand.self,
            StopCommand.self, ReplayCommand.self, SignCommand.self,
        ]
    )
}

/// A command that runs until it is done, or until its task is cancelled.
protocol ShoalSubcommand: ParsableCommand, Sendable {
    func run() async throws
}

/// A failure that the user can do something about; the message says what.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

enum Version {
    static let text = "0.1.0"
    /// What peers and other commands are told.
    static let agent = "shoal/\(text)"
}
