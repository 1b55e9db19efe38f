//! The names of keys that were looked for in vain.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use super::machine::NUDGE;

/// More are not remembered: anyone can invent names.
const MOST: usize = 256;

/// How long a name has to wait before it may cause another attempt. Twice the cooldown: a name that nobody knows, sent again
/// and again, leaves every other attempt to a rotation; one that is published late is found soon all the same.
pub(super) const WAIT: Duration = Duration::from_secs(60);

/// Since when. By mark, which is a hash: a name may be of any length, and nobody reads it.
#[derive(Debug, Default)]
pub(super) struct Missing(HashMap<u64, SystemTime>);

impl Missing {
    /// How long until the name may cause an attempt again. Not at all, if the clock was set back meanwhile.
    pub(super) fn left(&self, mark: u64, now: SystemTime) -> Duration {
        let Some(since) = self.0.get(&mark) else { return Duration::ZERO };
        if since.duration_since(now).is_ok_and(|by| by > NUDGE) {
            return Duration::ZERO;
        }
        WAIT.saturating_sub(now.duration_since(*since).unwrap_or_default())
    }

    /// It was not among the keys.
    pub(super) fn note(&mut self, mark: u64, now: SystemTime) {
        if self.0.len() >= MOST && !self.0.contains_key(&mark) {
            let oldest = self.0.iter().min_by_key(|(_, since)| **since).map(|(mark, _)| *mark);
            oldest.map(|oldest| self.0.remove(&oldest));
        }
        self.0.insert(mark, now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn a_name_waits_for_a_minute() {
        let mut missing = Missing::default();
        missing.note(1, at(0));
        for (now, left) in [(0, 60), (59, 1), (60, 0), (1000, 0)] {
            assert_eq!(missing.left(1, at(now)), Duration::from_secs(left), "{now}");
        }
        assert_eq!(missing.left(2, at(0)), Duration::ZERO);
    }

    #[test]
    fn no_more_names_are_remembered_than_the_bound() {
        let mut missing = Missing::default();
        for mark in 0..10_000 {
            missing.note(mark, at(mark));
        }
        assert_eq!(missing.0.len(), MOST);
        assert_eq!(missing.left(9_999, at(9_999)), WAIT);
        assert_eq!(missing.left(0, at(0)), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_was_set_back_ends_the_wait() {
        let mut missing = Missing::default();
        missing.note(1, at(100_000));
        assert_eq!(missing.left(1, at(0)), Duration::ZERO);
        assert_eq!(missing.left(1, at(99_998)), WAIT, "nudged");
    }
}
