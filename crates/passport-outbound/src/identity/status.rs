//! The status of an identity, for health probes.

use std::time::SystemTime;

use crate::token::{Activity, CachedToken, EntryState, MonotonicClock, Phase, TokenError};

/// A snapshot of the status of an identity, for health probes.
///
/// An identity that has not been used yet is healthy. It has neither a token nor an error.
///
/// ```
/// # fn probe(identity: &passport_outbound::ManagedIdentity) -> u16 {
/// let status = identity.status();
/// match status.last_error() {
///     Some(_) if !status.has_valid_token() => 503, // calls fail
///     _ => 200, // calls succeed, although the last refresh may have failed
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct IdentityStatus {
    has_valid_token: bool,
    expires_at: Option<SystemTime>,
    missing_scopes: Vec<String>,
    is_fetching: bool,
    last_error: Option<TokenError>,
    retry_at: Option<SystemTime>,
    is_shut_down: bool,
}

impl IdentityStatus {
    /// Creates the status from `snapshot`. `now` is a time of the monotonic `clock`. The times in
    /// the status are converted to the wall clock.
    pub(crate) fn new(
        snapshot: &EntryState,
        clock: &MonotonicClock,
        now: SystemTime,
        is_shut_down: bool,
    ) -> Self {
        let is_valid = |cached: &&CachedToken| cached.schedule.phase(now) != Phase::Hard;
        let valid = snapshot.cached.as_deref().filter(is_valid);
        Self {
            has_valid_token: valid.is_some(),
            expires_at: valid.map(|cached| cached.token.expires_at()),
            missing_scopes: valid.map(|cached| cached.missing_scopes.to_vec()).unwrap_or_default(),
            is_fetching: snapshot.activity(now) == Activity::Running,
            last_error: snapshot.last_error.clone(),
            retry_at: snapshot.paused_until(now).map(|until| clock.to_wall(until)),
            is_shut_down,
        }
    }

    /// Returns whether a valid token is cached. If so, requests can be sent even if Passport is
    /// unavailable.
    #[must_use]
    pub fn has_valid_token(&self) -> bool {
        self.has_valid_token
    }

    /// Returns when the cached token expires, by the local clock. Returns `None` if no valid token
    /// is cached. The token is not sent in the last 5 s before its expiry, or, if its lifetime is
    /// shorter than 50 s, in the last tenth of the lifetime.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// Returns the requested scopes that Passport did not grant with the cached token. The list is
    /// empty if:
    ///
    /// - all scopes were granted;
    /// - no valid token is cached;
    /// - another instance fetched the token, through a shared cache.
    #[must_use]
    pub fn missing_scopes(&self) -> &[String] {
        &self.missing_scopes
    }

    /// Returns whether a token fetch for this identity is running.
    #[must_use]
    pub fn is_fetching(&self) -> bool {
        self.is_fetching
    }

    /// Returns the error of the last token fetch. Returns `None` if that fetch succeeded, or if no
    /// fetch has ended yet.
    #[must_use]
    pub fn last_error(&self) -> Option<&TokenError> {
        self.last_error.as_ref()
    }

    /// Returns when the backoff after a failed token fetch ends. No token fetch starts before that
    /// time. Returns `None` if no backoff is active.
    #[must_use]
    pub fn retry_at(&self) -> Option<SystemTime> {
        self.retry_at
    }

    /// Returns whether [`ManagedIdentity::shutdown`](crate::ManagedIdentity::shutdown) was called.
    /// After a shutdown, no token is fetched.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.is_shut_down
    }
}
