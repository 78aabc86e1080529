import Logging
import ShoalCore
import ShoalFormats
import ShoalStore
import ShoalSwarm
import Synchronization

/// What the mesh wants of the store.
extension EffectRunner {
    func checkManifest(_ swarm: SwarmHandle, _ bytes: [UInt8], from connection: ConnectionID) {
        guard let (id, isWhole) = self.expected.withLock({ $0[swarm] }) else { return }
        _ = self.submit(for: swarm) {
            do throws(StoreError) {
                let model = ModelDesk(try self.store.receive(manifest: bytes, id: id, whole: isWhole))
                self.keep(model, of: swarm)
                // Before anybody hears that the model is known, and wants something of it.
                self.loop.post(.manifestAccepted(swarm, model.content))
                self.tell(of: model, swarm)
            } catch {
                guard error.code == .wrongManifest else { return self.fail(swarm, error) }
                self.loop.post(.manifestRejected(swarm, from: connection, reason: error.message))
            }
        }
    }

    /// What is to be said of a model that has just been opened.
    func tell(of model: ModelDesk, _ swarm: SwarmHandle) {
        for finding in model.stored.findings { self.onEvent(.found(swarm, finding)) }
        self.onEvent(.described(swarm, model.stored.manifest))
        self.remember(swarm)
    }

    /// Has the home know its models by the links that they were added with.
    private func remember(_ swarm: SwarmHandle) {
        guard let link = self.work(of: swarm)?.link else { return }
        _ = self.submit(for: swarm) {
            do throws(StoreError) {
                try self.store.remember(link)
            } catch {
                self.logger.warning("link not kept", metadata: ["shoal.error": "\(error)"])
            }
        }
    }

    func checkHashes(_ swarm: SwarmHandle, _ shard: ShardIndex, _ digests: [Digest], from connection: ConnectionID) {
        guard let model = self.model(of: swarm) else { return }
        _ = self.submit(for: swarm) {
            let id = model.stored.manifest.shards[shard.position].id
            guard let list = HashList(bytes: digests.flatMap(\.bytes), of: id) else {
                return self.loop.post(.hashesRejected(swarm, shard, from: connection))
            }
            do throws(StoreError) {
                try model.stored.install(list, for: shard)
                self.loop.post(.hashesAccepted(swarm, shard))
            } catch {
                self.fail(swarm, error)
            }
        }
    }

    func recheck(_ swarm: SwarmHandle, _ shard: ShardIndex) {
        guard let model = self.model(of: swarm) else { return }
        _ = self.submit(for: swarm) {
            do throws(StoreError) {
                _ = try model.stored.recheck(shard)
            } catch {
                self.unreadable(swarm, shard, error)
            }
        }
    }

    /// A read failed. What is lost with it the store has told; here is what it does not call lost, and cannot read.
    func unreadable(_ swarm: SwarmHandle, _ shard: ShardIndex, _ error: StoreError) {
        guard let model = self.model(of: swarm) else { return }
        // Peers that are told that it is not here ask others.
        model.telling.withLock { _ in self.loop.post(.shardsLost(swarm, [shard], reason: error.message)) }
    }

    /// Makes verified shards durable; one sync at a time does for every shard that was verified before it began.
    func synchronize(_ swarm: SwarmHandle) {
        guard let model = self.model(of: swarm), model.wantSync() else { return }
        _ = self.submit(for: swarm) {
            while true {
                let wanted = model.wantedSyncs
                do throws(StoreError) {
                    _ = try model.stored.synchronize()
                } catch {
                    self.fail(swarm, error)
                }
                guard model.syncedOnce(of: wanted) else { return }
            }
        }
    }

    /// Everything is verified: makes it durable and compares each file with what the manifest says of it.
    func finish(_ swarm: SwarmHandle) {
        guard let model = self.model(of: swarm) else { return }
        _ = self.submit(for: swarm) {
            do throws(StoreError) {
                _ = try model.stored.synchronize()
                try model.stored.finish { progress throws(CancellationError) in
                    if self.isOver(swarm) { throw CancellationError() }
                    self.onEvent(.checking(swarm, progress))
                }
                self.onEvent(.finished(swarm))
            } catch {
                // A shard was lost again meanwhile: it is fetched anew, and this comes again. Or the node ends, and its next
                // start checks the files.
                if error.code != .incomplete, error.code != .cancelled { self.fail(swarm, error) }
            }
        }
    }

    /// Whether long work for the swarm is to end: the node stops, or leaves it.
    func isOver(_ swarm: SwarmHandle) -> Bool {
        self.isStopping.load(ordering: .relaxed) || self.work(of: swarm)?.isOver ?? true
    }

    /// The store cannot go on with this swarm. Said once, but to everybody who waits for something of it.
    func fail(_ swarm: SwarmHandle, _ error: StoreError) {
        self.demands.fail(swarm, error)
        let isFirst = self.failures.withLock { $0.insert(swarm).inserted }
        guard isFirst else { return }
        self.loop.post(.storeFailed(swarm, reason: error.message))
        self.onEvent(.failed(swarm, error))
    }
}
