//! When keys are fetched and for how long they are believed: the one state machine behind the keeper. Pure: everything
//! takes the time, and chance, as an argument.
//!
//! | state | what callers get | what leads out of it |
//! |---|---|---|
//! | no keys | they wait for the attempt, or 503 in the pause after one | keys; after a failure the next attempt in 1 s, doubling to the cooldown |
//! | fresh | a verdict at once | four fifths of the lifetime (jitter included), or an unknown key |
//! | due | a verdict at once | keys, or the same keys confirmed; after a failure the next attempt after the cooldown (jitter included) |
//! | expired | as with no keys | keys |
//!
//! Whatever asks for an attempt, none begins in the pause that the last one has left behind: an
//! attempt claims the cooldown when it begins, or the longest time that it may take, and one that
//! fails leaves a pause. One that succeeds leaves the cooldown, counted from its beginning,
//! whatever has asked for it: until it ends, no unknown key and no invalid signature causes a
//! request (it is also the negative cache), while the schedule goes on. A fetch of the first keys,
//! or after all had expired, leaves none: otherwise an instance that starts just before a rotation
//! would refuse good tokens.

use std::time::{Duration, SystemTime};

/// The first pause after a failure while there are no keys at all; it doubles up to the cooldown.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// A caller may have read the clock a little before the pause began that it meets.
const NUDGE: Duration = Duration::from_secs(5);

/// The longest that the key file takes, with a reserve.
const LONGEST_LOAD: Duration = Duration::from_secs(2);

/// The part of the lifetime after which keys are refreshed, so that nobody meets its end.
const REFRESH_AHEAD: f64 = 0.8;

/// How much earlier or later, so that a fleet does not ask in step.
const JITTER: f64 = 0.1;

/// No issuer can make us ask more often than this by what it says of its keys' lifetime.
pub(crate) const SHORTEST_LIFETIME: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySettings {
    /// How long keys are fresh, unless the issuer says that it is less.
    pub(crate) lifetime: Duration,
    /// The least time between the last refresh and an attempt that an unknown key or an invalid
    /// signature causes, and between attempts after a failure.
    pub(crate) cooldown: Duration,
    /// Keys of this age are not believed any more.
    pub(crate) max_age: Duration,
    /// The most that a request waits for an attempt.
    pub(crate) patience: Duration,
    /// The timeout of each HTTP request of an attempt.
    pub(crate) fetch_timeout: Duration,
    /// How far our clock and the issuer's may differ.
    pub(crate) clock_skew: Duration,
    /// A number in 0..1, for jitter.
    pub(crate) chance: fn() -> f64,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(10 * 60),
            cooldown: Duration::from_secs(30),
            max_age: Duration::from_secs(24 * 60 * 60),
            patience: Duration::from_secs(2),
            fetch_timeout: Duration::from_secs(5),
            clock_skew: Duration::from_secs(60),
            chance: fastrand::f64,
        }
    }
}

impl KeySettings {
    /// After a failure with keys, for a caller who has read the clock a little earlier.
    pub(crate) fn longest_pause(&self) -> Duration {
        self.cooldown.max(self.longest_attempt()).mul_f64(1.0 + JITTER) + NUDGE
    }

    /// The key file, two locations of the discovery document and two of the key set, one after
    /// another.
    fn longest_attempt(&self) -> Duration {
        LONGEST_LOAD + self.fetch_timeout * 4
    }
}

/// The life of a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) fetched_at: SystemTime,
    /// When new keys are due.
    pub(crate) due_at: SystemTime,
    /// When it is not believed any more.
    pub(crate) expires_at: SystemTime,
}

/// What keys are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    /// Usable, but it is time for new ones.
    Due,
    /// Not to be believed.
    Expired,
}

impl Life {
    /// The life of keys that came at `fetched_at` and of which the issuer says how long they are fresh. `random` is in 0..1.
    pub(crate) fn new(
        settings: &KeySettings,
        fetched_at: SystemTime,
        said: Option<Duration>,
        random: f64,
    ) -> Self {
        let lifetime = said.unwrap_or(settings.lifetime).max(SHORTEST_LIFETIME).min(settings.lifetime);
        let ahead = lifetime.min(settings.max_age).mul_f64(REFRESH_AHEAD);
        let due_in = ahead.mul_f64(1.0 + JITTER * (2.0 * random - 1.0));
        let after = |time| fetched_at.checked_add(time).unwrap_or(fetched_at);
        Self { fetched_at, due_at: after(due_in), expires_at: after(settings.max_age) }
    }

    /// The life of keys that were given by hand: a hundred years.
    pub(crate) fn endless(now: SystemTime) -> Self {
        let never = now.checked_add(Duration::from_secs(100 * 365 * 24 * 60 * 60)).unwrap_or(now);
        Self { fetched_at: now, due_at: never, expires_at: never }
    }

    pub(crate) fn freshness(&self, now: SystemTime) -> Freshness {
        if now >= self.expires_at {
            return Freshness::Expired;
        }
        // Set back by more than a nudge, the clock does not tell how old the keys are.
        if self.is_ahead_of(now) || now >= self.due_at { Freshness::Due } else { Freshness::Fresh }
    }

    /// Whether the clock was set back since.
    pub(crate) fn is_ahead_of(&self, now: SystemTime) -> bool {
        // The comparison is nearly always enough, and takes a tenth of the difference.
        now < self.fetched_at && self.fetched_at.duration_since(now).is_ok_and(|ahead| ahead > NUDGE)
    }

    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.fetched_at).unwrap_or_default()
    }
}

/// Why keys are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There are none, or they are due.
    Schedule,
    /// None of the keys verifies a token: its key is new, or it is forged.
    UnknownKey,
}

/// A time in which attempts do not begin.
#[derive(Clone, Copy, Debug)]
struct Span {
    since: SystemTime,
    until: SystemTime,
}

impl Span {
    fn new(since: SystemTime, length: Duration) -> Option<Self> {
        since.checked_add(length).map(|until| Self { since, until })
    }

    /// A time well before the span began means that the clock was set back; it does not count then.
    fn left(self, now: SystemTime) -> Duration {
        let set_back = self.since.duration_since(now).is_ok_and(|by| by > NUDGE);
        if set_back { Duration::ZERO } else { self.until.duration_since(now).unwrap_or_default() }
    }
}

/// What is known of the past and follows from it for the next attempt.
#[derive(Debug)]
pub(crate) struct Machine {
    settings: KeySettings,
    /// Of the keys that are installed.
    life: Option<Life>,
    /// When no attempt begins.
    pause: Option<Span>,
    /// When none begins that a token asks for.
    cooldown: Option<Span>,
    /// In a row.
    failures: u32,
    /// Whether the last attempt has brought keys of the issuer.
    is_current: bool,
}

impl Machine {
    pub(crate) fn new(settings: KeySettings) -> Self {
        Self { settings, life: None, pause: None, cooldown: None, failures: 0, is_current: false }
    }

    /// Returns how long until an attempt may begin that `cause` asks for; zero if it may begin now.
    pub(crate) fn pause_left(&self, cause: Cause, now: SystemTime) -> Duration {
        let cooldown = self.cooldown.filter(|_| cause == Cause::UnknownKey);
        let spans = self.pause.into_iter().chain(cooldown);
        spans.map(|span| span.left(now)).max().unwrap_or_default()
    }

    /// An attempt begins. The cooldown is claimed at once, so that it holds whatever the attempt brings.
    pub(crate) fn begin(&mut self, now: SystemTime) {
        self.pause = Span::new(now, self.settings.cooldown.max(self.settings.longest_attempt()));
    }

    /// The issuer has given keys, or confirmed those that are there.
    pub(crate) fn fetched(&mut self, life: Life, now: SystemTime) {
        let began = self.pause.take().map_or(now, |pause| pause.since);
        if self.believes(now) {
            self.cooldown = Span::new(began, self.settings.cooldown);
        }
        self.life = Some(life);
        self.failures = 0;
        self.is_current = true;
    }

    /// The key file had keys. The issuer may have newer ones.
    pub(crate) fn loaded(&mut self, life: Life) {
        self.pause = None;
        self.life = Some(life);
        self.failures = 0;
        self.is_current = false;
    }

    /// The attempt was lost with its runtime. The next may begin immediately while there are no
    /// keys, and in a second while there are: tokens that nothing has verified must not start one
    /// each.
    pub(crate) fn lose(&mut self, now: SystemTime) {
        self.is_current = false;
        self.pause = if self.believes(now) { Span::new(now, FIRST_BACKOFF) } else { None };
    }

    /// The attempt has failed. `random` is in 0..1.
    pub(crate) fn fail(&mut self, now: SystemTime, random: f64) {
        let cooldown = self.settings.cooldown;
        // Without keys the next attempt comes soon, as nothing works until then; with keys there is no hurry.
        let pause = if self.believes(now) {
            cooldown.mul_f64(1.0 + JITTER * random)
        } else {
            let backoff = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(16)).min(cooldown);
            backoff.mul_f64(1.0 - random / 2.0)
        };
        self.failures = self.failures.saturating_add(1);
        self.is_current = false;
        self.pause = Span::new(now, pause);
    }

    fn believes(&self, now: SystemTime) -> bool {
        self.life.is_some_and(|life| life.freshness(now) != Freshness::Expired)
    }

    /// Returns whether the last attempt that ended has brought keys of the issuer. Otherwise it may
    /// have newer ones.
    pub(crate) fn is_current(&self) -> bool {
        self.is_current
    }

    /// How many attempts have failed since the last success.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// When the schedule asks for the next attempt.
    pub(crate) fn next_attempt(&self, now: SystemTime) -> SystemTime {
        let due = match self.life {
            Some(life) if life.freshness(now) == Freshness::Fresh => life.due_at,
            _ => now,
        };
        now.checked_add(self.pause_left(Cause::Schedule, now)).map_or(due, |after_pause| due.max(after_pause))
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const SETTINGS: KeySettings = KeySettings {
        lifetime: Duration::from_secs(600),
        cooldown: Duration::from_secs(30),
        max_age: Duration::from_secs(24 * 60 * 60),
        patience: Duration::from_secs(2),
        fetch_timeout: Duration::from_secs(5),
        clock_skew: Duration::from_secs(60),
        chance: || 0.5,
    };

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn life(seconds: u64) -> Life {
        Life::new(&SETTINGS, at(seconds), None, 0.5)
    }

    #[test]
    fn keys_age_from_fresh_over_due_to_expired() {
        let day = 24 * 60 * 60;
        for (age, freshness) in [
            (0, Freshness::Fresh),
            (479, Freshness::Fresh),
            (480, Freshness::Due),
            (day - 1, Freshness::Due),
            (day, Freshness::Expired),
        ] {
            assert_eq!(life(0).freshness(at(age)), freshness, "{age}");
        }
        assert_eq!(life(5).freshness(at(0)), Freshness::Fresh, "clock nudged");
        assert_eq!(life(500).freshness(at(0)), Freshness::Due, "clock set back");
    }

    #[test]
    fn what_the_issuer_says_of_the_lifetime_counts_between_one_minute_and_the_setting() {
        for (said, due_in) in
            [(None, 480), (Some(0), 48), (Some(59), 48), (Some(300), 240), (Some(86_400), 480)]
        {
            let life = Life::new(&SETTINGS, at(0), said.map(secs), 0.5);
            assert_eq!(life.due_at, at(due_in), "{said:?}");
        }
    }

    #[test]
    fn refreshes_are_spread_by_a_tenth_to_either_side() {
        let due_in = |random| Life::new(&SETTINGS, at(0), None, random).age_at_due();
        assert_eq!((due_in(0.0), due_in(1.0)), (secs(432), secs(528)));
    }

    #[test]
    fn keys_that_expire_soon_are_refreshed_before() {
        let settings = KeySettings { max_age: secs(100), ..SETTINGS };
        let life = Life::new(&settings, at(0), None, 1.0);
        assert_eq!((life.due_at, life.expires_at), (at(88), at(100)));
    }

    #[test]
    fn an_attempt_claims_the_cooldown_when_it_begins() {
        let mut machine = Machine::new(SETTINGS);
        assert_eq!(machine.pause_left(Cause::UnknownKey, at(0)), secs(0));
        machine.begin(at(0));
        assert_eq!(machine.pause_left(Cause::UnknownKey, at(0)), secs(30));
        assert_eq!(machine.pause_left(Cause::UnknownKey, at(30)), secs(0));
    }

    #[test]
    fn success_leaves_the_cooldown_whatever_asked_for_it() {
        let mut machine = Machine::new(SETTINGS);
        machine.begin(at(0));
        machine.fetched(life(0), at(1));
        assert_eq!(machine.pause_left(Cause::UnknownKey, at(1)), secs(0), "the first keys");
        for began in [10, 480] {
            machine.begin(at(began));
            machine.fetched(life(began), at(began + 1));
            assert_eq!(machine.pause_left(Cause::UnknownKey, at(began + 1)), secs(29));
            assert_eq!(machine.pause_left(Cause::Schedule, at(began + 1)), secs(0));
            assert_eq!(machine.next_attempt(at(began + 1)), at(began + 480));
        }
    }

    #[test]
    fn cooldown_outlives_an_attempt_that_was_lost() {
        let mut machine = Machine::new(SETTINGS);
        machine.fetched(life(0), at(0));
        machine.begin(at(100));
        machine.fetched(life(100), at(100));
        machine.begin(at(110));
        machine.lose(at(110));
        assert_eq!(machine.pause_left(Cause::Schedule, at(110)), secs(1));
        assert_eq!(machine.pause_left(Cause::UnknownKey, at(110)), secs(20));
    }

    #[test]
    fn keys_are_current_after_a_fetch_that_succeeded() {
        let mut machine = Machine::new(SETTINGS);
        machine.loaded(life(0));
        assert!(!machine.is_current(), "those of the file");
        assert_eq!(machine.pause_left(Cause::UnknownKey, at(0)), secs(0));
        machine.fetched(life(0), at(0));
        assert!(machine.is_current());
        machine.lose(at(1));
        assert!(!machine.is_current());
        machine.fetched(life(2), at(2));
        machine.fail(at(500), 0.0);
        assert!(!machine.is_current());
    }

    #[test]
    fn after_a_failure_with_keys_the_next_attempt_waits_for_the_cooldown_or_a_tenth_more() {
        for (random, pause) in [(0.0, 30), (1.0, 33)] {
            let mut machine = Machine::new(SETTINGS);
            machine.fetched(life(0), at(0));
            machine.begin(at(480));
            machine.fail(at(485), random);
            assert_eq!(machine.pause_left(Cause::UnknownKey, at(485)), secs(pause));
            assert_eq!(machine.next_attempt(at(485)), at(485 + pause));
        }
    }

    #[test]
    fn failures_without_keys_back_off_from_one_second_to_the_cooldown() {
        let mut machine = Machine::new(SETTINGS);
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            machine.begin(at(0));
            machine.fail(at(0), 0.0);
            assert_eq!(machine.pause_left(Cause::UnknownKey, at(0)), secs(pause));
        }
        assert_eq!(machine.failures(), 7);
        machine.fail(at(0), 1.0);
        assert_eq!(machine.pause_left(Cause::UnknownKey, at(0)), secs(15), "half of it at least, by chance");
    }

    #[test]
    fn expired_keys_are_fetched_as_urgently_as_none() {
        let mut machine = Machine::new(SETTINGS);
        machine.fetched(life(0), at(0));
        machine.fail(at(24 * 60 * 60), 0.0);
        assert_eq!(machine.pause_left(Cause::UnknownKey, at(24 * 60 * 60)), secs(1));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_prolong_the_cooldown() {
        let mut machine = Machine::new(SETTINGS);
        machine.begin(at(1000));
        assert_eq!(machine.pause_left(Cause::UnknownKey, at(1001)), secs(29));
        assert_eq!(machine.pause_left(Cause::UnknownKey, at(994)), secs(0));
        assert_eq!(
            machine.pause_left(Cause::UnknownKey, at(999)),
            secs(31),
            "read just before the cooldown began"
        );
    }

    #[test]
    fn slow_attempt_is_not_joined_by_another() {
        let settings = KeySettings { fetch_timeout: secs(60), cooldown: secs(1), ..SETTINGS };
        let mut machine = Machine::new(settings);
        machine.fetched(life(0), at(0));
        machine.begin(at(0));
        assert_eq!(machine.pause_left(Cause::UnknownKey, at(240)), secs(2));
        machine.fetched(life(240), at(240));
        assert_eq!(
            machine.pause_left(Cause::UnknownKey, at(240)),
            secs(0),
            "the cooldown began with the attempt"
        );
    }

    impl Life {
        fn age_at_due(&self) -> Duration {
            self.due_at.duration_since(self.fetched_at).unwrap()
        }
    }
}
