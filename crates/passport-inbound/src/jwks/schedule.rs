//! When keys are refreshed and for how long they are believed. Pure: everything takes the time as an argument.

use std::time::{Duration, SystemTime};

/// The first pause after a failure while there are no keys at all; it doubles up to the cooldown.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// A caller may have read the clock a little before the pause began that it meets.
const NUDGE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeySettings {
    /// Keys of this age are refreshed in the background.
    pub(crate) ttl: Duration,
    /// The least time between two refreshes that unknown keys provoke, and between attempts after a failure.
    pub(crate) cooldown: Duration,
    /// Keys of this age are not believed any more.
    pub(crate) max_stale: Duration,
    /// The most that a request waits for a refresh.
    pub(crate) patience: Duration,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(10 * 60),
            cooldown: Duration::from_secs(30),
            max_stale: Duration::from_secs(24 * 60 * 60),
            patience: Duration::from_secs(2),
        }
    }
}

/// What keys of some age are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    /// Usable, but it is time for new ones.
    Due,
    /// Not to be believed.
    Expired,
}

impl KeySettings {
    pub(crate) fn freshness(&self, fetched_at: SystemTime, now: SystemTime) -> Freshness {
        let age = match now.duration_since(fetched_at) {
            Ok(age) => age,
            // A caller may have read the clock before the keys came, and clocks are nudged.
            Err(ahead) if ahead.duration() <= self.cooldown => Duration::ZERO,
            // The clock was set back. How old the keys are is not known, so new ones are due.
            Err(_) => return Freshness::Due,
        };
        if age >= self.max_stale {
            Freshness::Expired
        } else if age >= self.ttl {
            Freshness::Due
        } else {
            Freshness::Fresh
        }
    }
}

/// Why keys are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There are none, or they are old.
    Schedule,
    /// A token names a key that is not there.
    UnknownKey,
}

/// When the next attempt may be made.
#[derive(Debug, Default)]
pub(crate) struct Cooldown {
    /// From when until when no attempt may be made.
    pause: Option<(SystemTime, SystemTime)>,
    /// In a row, while there were no keys.
    failures: u32,
}

impl Cooldown {
    /// How long until an attempt may be made; zero if it may be made now. A time well before the pause began means that
    /// the clock was set back; no pause counts then.
    pub(crate) fn left(&self, now: SystemTime) -> Duration {
        let Some((since, until)) = self.pause else { return Duration::ZERO };
        let set_back = since.duration_since(now).is_ok_and(|by| by > NUDGE);
        if set_back { Duration::ZERO } else { until.duration_since(now).unwrap_or_default() }
    }

    /// An attempt begins. The cooldown is claimed at once, so that it holds whatever the attempt brings.
    pub(crate) fn begin(&mut self, now: SystemTime, settings: &KeySettings) {
        self.pause_for(settings.cooldown, now);
    }

    /// The attempt has brought keys. One that the schedule asked for leaves no cooldown behind: the first unknown key
    /// after it may be the issuer's newest.
    pub(crate) fn succeed(&mut self, cause: Cause) {
        self.failures = 0;
        if cause == Cause::Schedule {
            self.pause = None;
        }
    }

    /// The attempt has failed. Without any keys the next one comes soon, as nothing works until then.
    pub(crate) fn fail(&mut self, now: SystemTime, have_keys: bool, settings: &KeySettings) {
        if have_keys {
            self.failures = 0;
            return;
        }
        let backoff = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(16)).min(settings.cooldown);
        self.failures = self.failures.saturating_add(1);
        self.pause_for(backoff, now);
    }

    fn pause_for(&mut self, time: Duration, now: SystemTime) {
        self.pause = now.checked_add(time).map(|until| (now, until));
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn left(cooldown: &Cooldown, now: u64) -> u64 {
        cooldown.left(at(now)).as_secs()
    }

    #[test]
    fn keys_age_from_fresh_over_due_to_expired() {
        let day = 24 * 60 * 60;
        for (age, freshness) in [
            (0, Freshness::Fresh),
            (599, Freshness::Fresh),
            (600, Freshness::Due),
            (day - 1, Freshness::Due),
            (day, Freshness::Expired),
        ] {
            assert_eq!(KeySettings::default().freshness(at(0), at(age)), freshness, "{age}");
        }
        assert_eq!(KeySettings::default().freshness(at(5), at(0)), Freshness::Fresh, "clock nudged");
        assert_eq!(KeySettings::default().freshness(at(500), at(0)), Freshness::Due, "clock set back");
    }

    #[test]
    fn the_cooldown_is_claimed_before_the_attempt() {
        let mut cooldown = Cooldown::default();
        assert_eq!(left(&cooldown, 0), 0);
        cooldown.begin(at(0), &KeySettings::default());
        assert_eq!(left(&cooldown, 0), 30);
        assert_eq!(left(&cooldown, 30), 0);
    }

    #[test]
    fn only_a_success_on_schedule_leaves_no_cooldown() {
        let settings = KeySettings::default();
        let mut cooldown = Cooldown::default();
        cooldown.begin(at(0), &settings);
        cooldown.succeed(Cause::UnknownKey);
        assert_eq!(left(&cooldown, 1), 29);
        cooldown.begin(at(0), &settings);
        cooldown.succeed(Cause::Schedule);
        assert_eq!(left(&cooldown, 1), 0);
    }

    #[test]
    fn a_failure_with_keys_waits_for_the_whole_cooldown() {
        let settings = KeySettings::default();
        let mut cooldown = Cooldown::default();
        cooldown.begin(at(0), &settings);
        cooldown.fail(at(5), true, &settings);
        assert_eq!(left(&cooldown, 5), 25);
    }

    #[test]
    fn failures_without_keys_back_off_from_one_second_to_the_cooldown() {
        let settings = KeySettings::default();
        let mut cooldown = Cooldown::default();
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            cooldown.begin(at(0), &settings);
            cooldown.fail(at(0), false, &settings);
            assert_eq!(left(&cooldown, 0), pause);
        }
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_prolong_the_cooldown() {
        let mut cooldown = Cooldown::default();
        cooldown.begin(at(1000), &KeySettings::default());
        assert_eq!(left(&cooldown, 1001), 29);
        assert_eq!(left(&cooldown, 994), 0);
    }

    #[test]
    fn a_caller_that_read_the_clock_just_before_the_cooldown_began_is_held_by_it() {
        let mut cooldown = Cooldown::default();
        cooldown.begin(at(1000), &KeySettings::default());
        assert_eq!(left(&cooldown, 999), 31);
    }
}
