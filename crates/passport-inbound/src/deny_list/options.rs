//! The options of a deny list.

use std::{ops::RangeInclusive, path::PathBuf, sync::Arc, time::Duration};

use passport_core::{ConfigProblem, SharedClock};

use super::store::DynDenyListStore;

/// The default life of a denial: the longest life of a token of Passport (1 h), and the default
/// clock skew (60 s).
const DEFAULT_RETENTION: Duration = Duration::from_secs(3660);

const DEFAULT_CAPACITY: usize = 100_000;
const CAPACITIES: RangeInclusive<usize> = 100..=10_000_000;
const RETENTIONS: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(30 * 24 * 60 * 60);

/// What a full [`DenyList`](crate::DenyList) does with the next denial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FullPolicy {
    /// Replaces all entries of the tenants with the most entries, each by one entry, which refuses
    /// all tokens of the tenant that were issued until now. Their callers have to fetch new tokens.
    /// This frees 1/256 of the capacity, so that a denial costs constant time on average.
    ///
    /// Entries without a known tenant count as one tenant of their issuer: if they are the most,
    /// all callers of the issuer have to fetch new tokens. So do the callers of the issuer with the
    /// most entries if all its tenants have so few that they free less. No denial is lost.
    #[default]
    RefuseTenant,
    /// Drops the entry whose last denial is the oldest. **The tokens that it refused are accepted
    /// again.** Each drop is counted, and an error is logged.
    DropOldest,
}

/// The options that a builder collects.
#[derive(Clone, Debug)]
pub(super) struct DenyListOptions {
    pub(super) capacity: usize,
    pub(super) when_full: FullPolicy,
    pub(super) retention: Duration,
    pub(super) file: Option<PathBuf>,
    pub(super) store: Option<Arc<dyn DynDenyListStore>>,
    pub(super) clock: SharedClock,
}

impl Default for DenyListOptions {
    fn default() -> Self {
        Self {
            capacity: DEFAULT_CAPACITY,
            when_full: FullPolicy::default(),
            retention: DEFAULT_RETENTION,
            file: None,
            store: None,
            clock: SharedClock::default(),
        }
    }
}

impl DenyListOptions {
    /// Returns a problem for each option that is out of range.
    pub(super) fn problems(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        if !CAPACITIES.contains(&self.capacity) {
            let problem = format_args!("must be between 100 and 10,000,000, is {}", self.capacity);
            problems.push(ConfigProblem::new("capacity", problem));
        }
        if !RETENTIONS.contains(&self.retention) {
            let problem = format_args!("must be between 1 min and 30 days, is {:?}", self.retention);
            problems.push(ConfigProblem::new("retention", problem));
        }
        problems
    }
}
