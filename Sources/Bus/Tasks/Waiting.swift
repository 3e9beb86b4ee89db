import Glibc
import Storage
import SystemPackage

// Waiting for a task. Of all workers that share their queues, one, the head of the line, watches the bells. A new task
// wakes the head alone; it takes the task and leaves, and the next in line looks before it watches. A task for a single
// worker wakes that worker wherever it stands. Everyone also looks once a minute: a process may die before it rings,
// and a person may stop the head.
extension Bus {
    /// Claims the best task; waits for one until `deadline` (seconds since the epoch; nil: for ever), then returns nil.
    /// Calls `idle` to deal with dead owners: first of all, on reaching the head of the line, and whenever an agent
    /// ends.
    package func claimBest(_ worker: Worker, until deadline: Int?, idle: () throws -> Void) throws -> Claim? {
        try promoteDue()
        if let claim = try claimBest(worker) { return claim }
        try idle()
        for queue in worker.queues {
            try Files.mkdirs(self.queue(queue))
            if try !Files.exists(bell(queue)) { try Files.ring(bell(queue)) }
        }
        let turn = try WaitLine(turn(worker.line), hearing: worker.own.map(queue))
        while true {
            if let claim = try claimBest(worker) { return claim }
            guard let seconds = patience(deadline) else { return nil }
            if try turn.take(seconds: seconds) { break }
        }
        defer { turn.leave() }
        return try watch(worker.queues.map(bell), until: deadline, idle) { try claimBest(worker) }
    }

    /// Whether there is a ready task that fits the worker.
    package func hasReady(_ worker: Worker) throws -> Bool { try firstReady(worker) != nil }

    /// The ready task that it would get.
    package func firstReady(_ worker: Worker) throws -> Int? {
        for priority in 0...4 { if let (_, id) = try best(worker.queues, priority) { return id } }
        return nil
    }

    /// Has the watcher wake whenever one comes.
    package func watchReady(_ worker: Worker, _ watcher: Watcher) throws {
        for queue in worker.queues {
            try Files.mkdirs(self.queue(queue))
            if try !Files.exists(bell(queue)) { try Files.ring(bell(queue)) }
            watcher.watch(bell(queue))
        }
    }

    /// Claims this task, waiting until that is possible; nil at the deadline. Throws `Failure.no` if the task has ended
    /// or does not fit. Few workers wait for one task, so there is no line.
    package func claim(_ id: Int, _ worker: Worker, until deadline: Int?, idle: () throws -> Void) throws -> Claim? {
        func mayCome() throws -> Bool {
            guard let marker = try find(id) else { throw noTask(id) }
            return [.blocked, .deferred, .claimed, .review].contains(marker.state)
        }
        // Whatever changes leaves one of these.
        return try watch([.edit, .blocked, .claimed, .review, .settle].map(state), until: deadline, idle) {
            if try mayCome() { return nil }
            do { return try claim(id, worker) } catch let failure as Failure where failure.kind == .no {
                if try mayCome() { return nil }
                throw failure
            }
        }
    }

    /// Calls `look` until it finds something: now, and whenever one of these places changed, a deferred task is due, a
    /// lease ends or an agent may have died. It sees to dead owners once a second at most, since that itself can look
    /// like an agent's end.
    private func watch(
        _ places: [FilePath], until deadline: Int?, _ idle: () throws -> Void, look: () throws -> Claim?
    ) throws -> Claim? {
        let watcher = Watcher()
        var seen = 0
        while true {
            try promoteDue()
            if let claim = try look() { return claim }
            for place in places { watcher.watch(place) }
            for path in [state(.deferred), agents] + (try agentNames().map(alive)) { watcher.watch(path) }
            // A lease may come that ends earlier than those seen here.
            watcher.watch(state(.claimed), Int32(IN_MOVED_TO | IN_MASK_ADD))
            let now = Time.now()
            let early = now <= seen
            if !early {
                seen = now
                try idle()
            }
            if let claim = try look() { return claim }
            guard var seconds = patience(deadline) else { return nil }
            for due in [try nextDue(), try nextEnd()].compactMap({ $0 }) {
                seconds = max(1, min(seconds, due - Time.now()))
            }
            watcher.wait(seconds: early ? 1 : Double(seconds))
        }
    }

    /// Seconds to wait before the next look, a minute at most; nil if the time is over.
    private func patience(_ deadline: Int?) -> Int? {
        let left = deadline.map { $0 - Time.now() } ?? 60
        return left > 0 ? min(left, 60) : nil
    }

    /// Waits for unread mail until `deadline`. False if there is none by then.
    package func waitForMail(_ name: String, until deadline: Int?) throws -> Bool {
        try wait(inBox: name, until: deadline) { try messages(of: name).isEmpty ? nil : true } ?? false
    }

    /// Delivers the oldest unread message as soon as there is one, as `next(of:)` does. False if there is none by then.
    package func next(of name: String, until deadline: Int?, deliver: (Message) throws -> Void) throws -> Bool {
        try wait(inBox: name, until: deadline) { try next(of: name, deliver: deliver) ? true : nil } ?? false
    }

    /// Calls `look` until it finds something, now and whenever mail may have come.
    private func wait<T>(inBox name: String, until deadline: Int?, _ look: () throws -> T?) throws -> T? {
        if let found = try look() { return found }
        try makeBox(name)
        let watcher = Watcher()
        while true {
            watcher.watch(box(name, .new))
            if let found = try look() { return found }
            guard let seconds = patience(deadline) else { return nil }
            watcher.wait(seconds: Double(seconds))
        }
    }

    /// Waits until all these tasks are done (true), or one failed or was cancelled or time is up (false).
    package func waitForEnd(_ ids: [Int], until deadline: Int?) throws -> Bool {
        let watcher = Watcher()
        for directory: StateDirectory in [.settle, .done, .failed, .cancelled] { watcher.watch(state(directory)) }
        while true {
            let states = try ids.map { id -> State in
                guard let marker = try find(id) else { throw noTask(id) }
                return marker.state
            }
            if states.allSatisfy({ $0 == .done }) { return true }
            if states.contains(where: { $0 == .failed || $0 == .cancelled }) { return false }
            guard let seconds = patience(deadline) else { return false }
            watcher.wait(seconds: Double(seconds))
        }
    }

    /// Calls `look` now and whenever mail may have come, for ever.
    package func followMail(_ name: String, _ look: () throws -> Void) throws {
        _ = try wait(inBox: name, until: nil) { () -> Never? in
            try look()
            return nil
        }
    }

    /// The answer of an ask, once it is there; nil if it is not by the deadline.
    package func waitForAnswer(_ id: String, until deadline: Int?) throws -> String? {
        let watcher = Watcher()
        watcher.watch(doneAsks)
        while true {
            if let answer = try ask(id)?.answer { return answer }
            guard let seconds = patience(deadline) else { return nil }
            watcher.wait(seconds: Double(seconds))
        }
    }
}
