use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// Health of an issuer's signing keys, for readiness probes and dashboards. A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksHealth {
    pub(super) state: JwksState,
    pub(super) keys: usize,
    pub(super) fetched_at: Option<SystemTime>,
    pub(super) age: Option<Duration>,
    pub(super) next_attempt: Option<SystemTime>,
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
}

/// Whether the signing keys can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwksState {
    /// The keys are fresh.
    Fresh,
    /// The keys are used, but a refresh is due. Requests are not affected until the keys expire.
    Stale,
    /// The keys are too old to be trusted: requests are rejected with 503.
    Expired,
    /// No keys were fetched yet: requests wait for them, or are rejected with 503.
    Unavailable,
}

impl JwksHealth {
    /// Returns whether the keys can be used, and are fresh.
    #[must_use]
    pub fn state(&self) -> JwksState {
        self.state
    }

    /// Whether tokens can be verified. For readiness probes.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self.state, JwksState::Fresh | JwksState::Stale)
    }

    /// How many usable keys there are.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// When the issuer has last given or confirmed the keys; `None` before that, and for keys that
    /// were given by hand.
    #[must_use]
    pub fn fetched_at(&self) -> Option<SystemTime> {
        self.fetched_at
    }

    /// How long ago that was.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// When the next request is sent to the issuer, unless a token with an unknown key comes first.
    /// `None` for static keys.
    #[must_use]
    pub fn next_attempt(&self) -> Option<SystemTime> {
        self.next_attempt
    }

    /// How many attempts in a row have failed. More than none is worth a warning: from there it is
    /// as long as the keys have to live until requests are rejected with 503.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Why the last attempt has failed, if it has.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }
}

/// One line for a log or a status page.
impl fmt::Display for JwksHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, usable keys: {}", self.state, self.keys)?;
        if let Some(age) = self.age {
            write!(f, ", {} s old", age.as_secs())?;
        }
        match &self.last_error {
            Some(error) => write!(f, ", failed attempts in a row: {}, the last: {error}", self.failures),
            None => Ok(()),
        }
    }
}
