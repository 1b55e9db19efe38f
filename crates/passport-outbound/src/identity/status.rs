//! The status of an identity, for health probes.

use std::time::SystemTime;

use crate::token::{Activity, CachedToken, EntryState, MonotonicClock, Phase, TokenError};

/// A snapshot of the status of an identity, for health probes.
///
/// An identity that has not been used yet has neither a token nor an error, which is healthy.
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
    /// Creates the status from `snapshot`. `now` is a time of the monotonic `clock`; the status has
    /// times of the wall clock.
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

    /// Returns whether a valid token is cached, so that calls succeed even if Passport is
    /// unavailable.
    #[must_use]
    pub fn has_valid_token(&self) -> bool {
        self.has_valid_token
    }

    /// Returns when the cached token expires, by the local clock, or `None` if no valid token is
    /// cached. The token is not sent in its last 5 s, or in the last tenth of its lifetime if that
    /// is shorter.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// Returns the requested scopes that Passport did not grant. Empty if the token was fetched by
    /// another instance, through a shared cache.
    #[must_use]
    pub fn missing_scopes(&self) -> &[String] {
        &self.missing_scopes
    }

    /// Returns whether a token fetch is running.
    #[must_use]
    pub fn is_fetching(&self) -> bool {
        self.is_fetching
    }

    /// Returns the error of the last token fetch, or `None` if it succeeded or none has ended yet.
    #[must_use]
    pub fn last_error(&self) -> Option<&TokenError> {
        self.last_error.as_ref()
    }

    /// Returns when the backoff after a failed token fetch ends. No fetch starts before. Returns
    /// `None` if there is no backoff.
    #[must_use]
    pub fn retry_at(&self) -> Option<SystemTime> {
        self.retry_at
    }

    /// Returns whether [`ManagedIdentity::shutdown`](crate::ManagedIdentity::shutdown) was called.
    /// No token is fetched after that.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.is_shut_down
    }
}
