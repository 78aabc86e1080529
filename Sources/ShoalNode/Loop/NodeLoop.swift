import Foundation
import ShoalCore
import ShoalSwarm

/// The one thread that owns the mesh machine: takes a batch of inputs, stamps it with one instant, lets the machine
/// handle it, carries the effects out, sleeps until the next input or deadline.
final class NodeLoop: Sendable {
    enum Item: Sendable {
        case input(MeshInput)
        /// With what is to be done once the loop has it: a peer's account is eased by then.
        case accounted(MeshInput, onceTaken: @Sendable () -> Void)
        /// Shows the machine to somebody who wants to know, when what was posted before is carried out.
        case ask(@Sendable (borrowing MeshMachine) -> Void)
        case end(whenOver: @Sendable () -> Void)
    }

    let mailbox = Mailbox<Item>()

    func post(_ input: MeshInput) { self.mailbox.post(.input(input)) }

    func post(_ input: MeshInput, thenOnceTaken onceTaken: @escaping @Sendable () -> Void) {
        self.mailbox.post(.accounted(input, onceTaken: onceTaken))
    }

    /// What `question` finds in the machine.
    func ask<Answer: Sendable>(_ question: @escaping @Sendable (borrowing MeshMachine) -> Answer) async -> Answer {
        await withCheckedContinuation { continuation in
            self.mailbox.post(.ask { continuation.resume(returning: question($0)) })
        }
    }

    /// Starts the thread. `carryOut` is called on it, once for each effect, in order, and must not block.
    /// What the machine is told goes to `recorder`, too.
    func start(
        _ machine: sending MeshMachine,
        recorder: NodeRecorder?,
        carryOut: @escaping @Sendable (MeshEffect) -> Void
    ) {
        let mailbox = self.mailbox
        let start = machine
        let thread = Thread { Self.run(start, mailbox, recorder, carryOut) }
        thread.name = "shoal.loop"
        thread.start()
    }

    /// Ends the thread after what was posted before, and returns when it is over: nothing is carried out after that.
    func end() async {
        await withCheckedContinuation { continuation in
            self.mailbox.post(.end { continuation.resume() })
        }
    }

    private static func run(
        _ start: MeshMachine,
        _ mailbox: Mailbox<Item>,
        _ recorder: NodeRecorder?,
        _ carryOut: @Sendable (MeshEffect) -> Void
    ) {
        var machine = start
        var inputs: [MeshInput] = []
        var effects: [MeshEffect] = []
        var questions: [@Sendable (borrowing MeshMachine) -> Void] = []
        while true {
            var whenOver: (@Sendable () -> Void)?
            let items = mailbox.take(until: machine.nextDeadline)
            let now = NodeClock.now
            for item in items {
                switch item {
                case .input(let input): inputs.append(input)
                case .accounted(let input, let onceTaken):
                    onceTaken()
                    inputs.append(input)
                case .ask(let question): questions.append(question)
                case .end(let action): whenOver = action
                }
            }
            for input in inputs { machine.handle(input, at: now, into: &effects) }
            if let deadline = machine.nextDeadline, now >= deadline {
                machine.handle(.deadline, at: now, into: &effects)
                inputs.append(.deadline)
            }
            // Before anything can go wrong outside of the machine.
            if let recorder, !inputs.isEmpty { recorder.record(at: now, inputs, effects) }
            inputs.removeAll(keepingCapacity: true)
            for effect in effects { carryOut(effect) }
            effects.removeAll(keepingCapacity: true)
            for question in questions { question(machine) }
            questions.removeAll(keepingCapacity: true)
            if let whenOver { return whenOver() }
        }
    }
}
