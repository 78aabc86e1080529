import Foundation
import ShoalCore
import ShoalSwarm
import Synchronization

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
    /// What is left of the machine when the thread is over: questions are still answered.
    private let remains = Mutex<MeshMachine?>(nil)

    func post(_ input: MeshInput) { self.mailbox.post(.input(input)) }

    func post(_ input: MeshInput, thenOnceTaken onceTaken: @escaping @Sendable () -> Void) {
        self.mailbox.post(.accounted(input, onceTaken: onceTaken))
    }

    /// What `question` finds in the machine, or in what is left of it.
    func ask<Answer: Sendable>(_ question: @escaping @Sendable (borrowing MeshMachine) -> Answer) async -> Answer {
        await withCheckedContinuation { continuation in
            self.mailbox.post(.ask { continuation.resume(returning: question($0)) })
            self.answerTheLast()
        }
    }

    /// Answers what was asked too late for the thread, once that is over; what else comes then is dropped.
    private func answerTheLast() {
        guard let machine = self.remains.withLock({ $0 }) else { return }
        for item in self.mailbox.take(until: .zero) {
            if case .ask(let question) = item { question(machine) }
        }
    }

    /// Starts the thread. `carryOut` is called on it, once for each effect, in order, and must not block.
    /// What the machine is told goes to `recorder`, too, and is counted.
    func start(
        _ machine: sending MeshMachine,
        recorder: NodeRecorder?,
        metrics: MeshMetrics,
        carryOut: @escaping @Sendable (MeshEffect) -> Void
    ) {
        let start = machine
        let thread = Thread { [self] in self.run(start, recorder, metrics, carryOut) }
        thread.name = "shoal.loop"
        thread.start()
    }

    /// Ends the thread after what was posted before, and returns when it is over: nothing is carried out after that.
    func end() async {
        await withCheckedContinuation { continuation in
            self.mailbox.post(.end { continuation.resume() })
        }
    }

    private func run(
        _ start: MeshMachine,
        _ recorder: NodeRecorder?,
        _ metrics: MeshMetrics,
        _ carryOut: @Sendable (MeshEffect) -> Void
    ) {
        var machine = start
        var inputs: [MeshInput] = []
        var effects: [MeshEffect] = []
        var questions: [@Sendable (borrowing MeshMachine) -> Void] = []
        while true {
            var whenOver: (@Sendable () -> Void)?
            let items = self.mailbox.take(until: machine.nextDeadline)
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
            for effect in effects { carryOut(effect) }
            effects.removeAll(keepingCapacity: true)
            metrics.turned(inputs, in: NodeClock.now - now)
            inputs.removeAll(keepingCapacity: true)
            for question in questions { question(machine) }
            questions.removeAll(keepingCapacity: true)
            guard let whenOver else { continue }
            let last = machine
            self.remains.withLock { $0 = last }
            self.answerTheLast()
            return whenOver()
        }
    }
}
