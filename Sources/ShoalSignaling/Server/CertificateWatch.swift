import NIOCore
import NIOPosix
import NIOSSL

/// The certificate that new connections are served with: read again from time to time, so that a renewed one needs no
/// restart. Connections keep the one that they began with. Confined to one event loop.
final class CertificateWatch {
    private let files: TLSFiles
    private let onNotice: @Sendable (String) -> Void
    private let loop: any EventLoop
    private var identity: TLSFiles.Identity
    private(set) var context: NIOSSLContext
    /// The problem that was told last, so that it is told once.
    private var problem: SignalingError?
    private var checks: RepeatedTask?

    /// Reads the files; an error when they are no good.
    init(
        _ files: TLSFiles,
        loop: any EventLoop,
        onNotice: @escaping @Sendable (String) -> Void
    ) throws(SignalingError) {
        self.files = files
        self.loop = loop
        self.onNotice = onNotice
        self.identity = try files.identity()
        self.context = try files.serverContext(self.identity)
    }

    func start(every interval: Duration) {
        let watch = NIOLoopBound(self, eventLoop: self.loop)
        let interval = TimeAmount(interval)
        self.checks = self.loop.scheduleRepeatedAsyncTask(initialDelay: interval, delay: interval) { _ in
            watch.value.check()
        }
    }

    func stop() { self.checks?.cancel() }

    /// Takes what is in the files now. What is no good is told, and the certificate from before stays.
    func check() -> EventLoopFuture<Void> {
        let files = self.files
        let watch = NIOLoopBound(self, eventLoop: self.loop)
        return NIOThreadPool.singleton.runIfActive(eventLoop: self.loop) {
            Result<TLSFiles.Identity, SignalingError> { () throws(SignalingError) in try files.identity() }
        }.map { watch.value.take($0) }
    }

    private func take(_ read: Result<TLSFiles.Identity, SignalingError>) {
        do throws(SignalingError) {
            let identity = try read.get()
            let isBack = self.problem != nil
            guard identity != self.identity else {
                self.problem = nil
                if isBack { self.onNotice("the certificate in use is in its files again") }
                return
            }
            self.context = try self.files.serverContext(identity)
            self.identity = identity
            self.problem = nil
            self.onNotice("new connections get the new certificate in \(self.files.certificateFile)")
        } catch {
            guard self.problem != error else { return }
            self.problem = error
            self.onNotice("the certificate from before stays in use: \(error)")
        }
    }
}
