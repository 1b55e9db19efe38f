//! The names of keys that were looked for in vain.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

/// More are not remembered: anyone can invent names.
const MOST: usize = 256;

/// By mark, which is a hash: a name may be of any length, and nobody reads it.
#[derive(Debug, Default)]
pub(super) struct Missing(HashMap<u64, Vain>);

#[derive(Clone, Copy, Debug)]
struct Vain {
    until: SystemTime,
    wait: Duration,
}

impl Missing {
    /// How long until the name may cause an attempt again.
    pub(super) fn left(&self, mark: u64, now: SystemTime) -> Duration {
        let Some(vain) = self.0.get(&mark) else { return Duration::ZERO };
        // No more than was set, even if the clock was set back meanwhile.
        vain.until.duration_since(now).unwrap_or_default().min(vain.wait)
    }

    /// It was not among the keys. It waits from `first` to `longest`, twice as long each time.
    pub(super) fn note(&mut self, mark: u64, now: SystemTime, first: Duration, longest: Duration) {
        let wait = self.0.get(&mark).map_or(first, |vain| vain.wait.saturating_mul(2)).min(longest);
        if self.0.len() >= MOST && !self.0.contains_key(&mark) {
            self.forget_the_oldest();
        }
        self.0.insert(mark, Vain { until: now.checked_add(wait).unwrap_or(now), wait });
    }

    fn forget_the_oldest(&mut self) {
        let oldest = self.0.iter().min_by_key(|(_, vain)| vain.until).map(|(mark, _)| *mark);
        if let Some(oldest) = oldest {
            self.0.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn no_more_names_are_remembered_than_the_bound() {
        let mut missing = Missing::default();
        let (first, longest) = (Duration::from_secs(30), Duration::from_secs(600));
        for mark in 0..10_000 {
            missing.note(mark, UNIX_EPOCH + Duration::from_secs(mark), first, longest);
        }
        assert_eq!(missing.0.len(), MOST);
        let now = UNIX_EPOCH + Duration::from_secs(9_999);
        assert_eq!(missing.left(9_999, now), first);
        assert_eq!(missing.left(0, now), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_prolong_the_wait() {
        let mut missing = Missing::default();
        missing.note(
            1,
            UNIX_EPOCH + Duration::from_secs(100_000),
            Duration::from_secs(30),
            Duration::from_secs(600),
        );
        assert_eq!(missing.left(1, UNIX_EPOCH), Duration::from_secs(30));
    }
}
