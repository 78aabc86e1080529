import ShoalCore
import Testing

@Suite struct InstantTests {
    static let last = Instant(nanoseconds: .max)

    @Test func `time is added and taken away`() {
        let instant = Instant.zero + .milliseconds(1_500)
        #expect(instant.nanoseconds == 1_500_000_000)
        #expect(instant + .milliseconds(-500) == Instant(nanoseconds: 1_000_000_000))
        #expect(instant - .zero == .milliseconds(1_500))
        #expect(.zero - instant == .milliseconds(-1_500))
        #expect(Instant.zero < instant)
    }

    @Test func `the ends of the clock are never passed`() {
        #expect(Instant.zero + .seconds(-1) == .zero)
        #expect(Self.last + .nanoseconds(1) == Self.last)
        #expect(Self.last + .seconds(Int64.max) == Self.last)
        #expect(Instant(nanoseconds: 5) + .seconds(Int64.min) == .zero)
        #expect(Self.last - .zero == .nanoseconds(Int64.max))
        #expect(.zero - Self.last == .nanoseconds(-Int64.max))
    }

    static let durations: [(duration: Duration, nanoseconds: Int64)] = [
        (.zero, 0), (.nanoseconds(7), 7), (.nanoseconds(-7), -7), (.seconds(3), 3_000_000_000),
        (Duration(secondsComponent: 0, attosecondsComponent: 999_999_999), 0),
        (Duration(secondsComponent: 0, attosecondsComponent: -1_999_999_999), -1),
        (.seconds(Int64.max), .max), (.seconds(Int64.min), -.max),
        (.seconds(9_223_372_036) + .nanoseconds(854_775_807), .max),
        (.seconds(9_223_372_036) + .nanoseconds(854_775_808), .max),
    ]

    @Test(arguments: Self.durations)
    func `a duration is a number of nanoseconds, cut and held`(duration: Duration, nanoseconds: Int64) {
        #expect(duration.wholeNanoseconds == nanoseconds)
    }

    @Test func `milliseconds of the wire are held within what a u32 says`() {
        #expect(Duration.microseconds(1_999).wireMilliseconds == 1)
        #expect(Duration.milliseconds(-1).wireMilliseconds == 0)
        #expect(Duration.milliseconds(4_294_967_295).wireMilliseconds == .max)
        #expect(Duration.milliseconds(4_294_967_296).wireMilliseconds == .max)
    }

    @Test func `an instant is read in seconds`() {
        #expect("\(Instant(nanoseconds: 1_000_000_007))" == "1.000000007 s")
        #expect("\(Instant.zero)" == "0.000000000 s")
    }
}
