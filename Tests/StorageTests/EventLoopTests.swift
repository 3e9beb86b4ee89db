import Glibc
import Storage
import Testing

struct EventLoopTests {
    /// What can't be told by a descriptor, as where inotify's instances are used up.
    struct Blind: EventSource { var descriptor: Int32? { -1 } }

    @Test func aTimeThatHasComeIsDueAndOthersAreNot() {
        let events = EventLoop.wait(for: [Deadline(in: 1000), nil, Deadline(in: 0), Deadline(at: Time.monotonic() - 1)])
        #expect(events == [.none, .none, .due, .due])
    }

    @Test func itWaitsUntilTheFirstTime() {
        let start = Time.monotonic()
        #expect(EventLoop.wait(for: [Deadline(in: 0.05), Deadline(in: 1000)]) == [.due, .none])
        #expect(Time.monotonic() >= start + 0.05)
    }

    @Test func aDescriptorIsDueWhenItIsReadableAndTellsWhenItsEndIsGone() {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        let source = Readable(ends[0])
        #expect(EventLoop.wait(for: [source], atMost: 0) == [.none])
        write(ends[1], "x", 1)
        #expect(EventLoop.wait(for: [nil, source, Deadline(in: 1000)]) == [.none, .due, .none])
        close(ends[1])
        #expect(EventLoop.wait(for: [source]) == [.hungUp])
        close(ends[0])
        #expect(EventLoop.wait(for: [source]) == [.hungUp])
    }

    @Test func whatCannotTellIsDueEachSecond() {
        let start = Time.monotonic()
        #expect(EventLoop.wait(for: [Blind(), Deadline(in: 1000)]) == [.due, .none])
        #expect(Time.monotonic() < start + 1000)
    }

    @Test func nothingIsDueWhenTheTimeIsUp() {
        #expect(EventLoop.wait(for: [Deadline(in: 1000)], atMost: 0.01) == [.none])
        #expect(EventLoop.wait(for: [], atMost: 0) == [])
    }
}
