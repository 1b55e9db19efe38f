//! The health of the signing keys, for readiness probes.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// Health of an issuer's signing keys, for readiness probes and dashboards.
///
/// A snapshot, returned by [`TokenVerifier::health`](crate::TokenVerifier::health). Its
/// `Display` prints one line for a log or a status page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksHealth {
    pub(super) state: JwksState,
    pub(super) keys: usize,
    pub(super) fetched_at: Option<SystemTime>,
    pub(super) age: Option<Duration>,
    pub(super) next_refresh: Option<SystemTime>,
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
}

/// The state of the signing keys: whether they verify tokens, and whether a refresh is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwksState {
    /// The keys verify tokens. No refresh is due.
    Fresh,
    /// The keys verify tokens, but a refresh is due. Requests are not affected until the keys
    /// expire.
    Stale,
    /// The keys are older than
    /// [`jwks_max_stale`](crate::TokenVerifierBuilder::jwks_max_stale) and verify no token.
    /// Requests wait for newer keys, or are rejected with 503.
    Expired,
    /// No keys were fetched yet. Requests wait for keys, or are rejected with 503.
    Unavailable,
}

impl JwksHealth {
    /// Returns the state of the keys.
    #[must_use]
    pub fn state(&self) -> JwksState {
        self.state
    }

    /// Returns whether tokens can be verified: the keys are fresh or stale. Use this method in
    /// readiness probes.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self.state, JwksState::Fresh | JwksState::Stale)
    }

    /// Returns the number of usable keys in the installed key set, even if that key set has
    /// expired. Returns zero if no key set is installed yet.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// Returns when the issuer last sent or confirmed the keys. Returns `None` before the first
    /// fetch, and for static keys.
    #[must_use]
    pub fn fetched_at(&self) -> Option<SystemTime> {
        self.fetched_at
    }

    /// Returns the duration since [`fetched_at`](Self::fetched_at). Returns `None` before the first
    /// fetch, and for static keys.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// Returns when the next scheduled refresh is due. A token with an unknown key can cause an
    /// earlier refresh. Returns `None` for static keys.
    #[must_use]
    pub fn next_refresh_at(&self) -> Option<SystemTime> {
        self.next_refresh
    }

    /// Returns the number of consecutive failed refreshes. Alert on a value above zero: if the
    /// refreshes continue to fail, the keys expire and requests are rejected with 503.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns the error of the last refresh if that refresh failed, otherwise `None`.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }
}

/// Prints one line for a log or a status page.
impl fmt::Display for JwksHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, usable keys: {}", self.state, self.keys)?;
        if let Some(age) = self.age {
            write!(f, ", age: {} s", age.as_secs())?;
        }
        match &self.last_error {
            Some(error) => write!(f, ", consecutive failures: {}, last error: {error}", self.failures),
            None => Ok(()),
        }
    }
}
