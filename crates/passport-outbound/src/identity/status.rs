use std::time::SystemTime;

use crate::token::{Activity, CachedToken, EntryState, MonotonicClock, Phase, TokenError};

/// The status of an identity at one moment, for health probes.
///
/// An identity that was not used yet has neither a token nor an error. That is healthy.
///
/// ```
/// # fn probe(identity: &passport_outbound::ManagedIdentity) -> u16 {
/// let status = identity.status();
/// match status.last_error() {
///     Some(_) if !status.has_valid_token() => 503, // calls fail
///     _ => 200,                                   // calls work; an error means that the refresh does not, yet
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
    next_attempt_at: Option<SystemTime>,
    is_shut_down: bool,
}

impl IdentityStatus {
    /// `now` is a time of `clock`; the status has times of the wall clock.
    pub(crate) fn new(
        snapshot: &EntryState,
        clock: &MonotonicClock,
        now: SystemTime,
        is_shut_down: bool,
    ) -> Self {
        let live = |cached: &&CachedToken| cached.schedule.phase(now) != Phase::Hard;
        let live = snapshot.cached.as_deref().filter(live);
        Self {
            has_valid_token: live.is_some(),
            expires_at: live.map(|cached| cached.token.expires_at()),
            missing_scopes: live.map(|cached| cached.missing_scopes.to_vec()).unwrap_or_default(),
            is_fetching: snapshot.activity(now) == Activity::Running,
            last_error: snapshot.last_error.clone(),
            next_attempt_at: snapshot.paused_until(now).map(|until| clock.to_wall(until)),
            is_shut_down,
        }
    }

    /// Returns whether there is a token that may be sent.
    #[must_use]
    pub fn has_valid_token(&self) -> bool {
        self.has_valid_token
    }

    /// Returns when the token expires, by the local clock. It is not sent in its last seconds (5 s
    /// at most).
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// Returns the requested scopes that Passport did not grant. Empty if another instance of the
    /// fleet fetched the token.
    #[must_use]
    pub fn missing_scopes(&self) -> &[String] {
        &self.missing_scopes
    }

    /// Returns whether a token is being fetched.
    #[must_use]
    pub fn is_fetching(&self) -> bool {
        self.is_fetching
    }

    /// Returns why the last attempt failed; `None` once an attempt succeeds.
    #[must_use]
    pub fn last_error(&self) -> Option<&TokenError> {
        self.last_error.as_ref()
    }

    /// Returns the end of the pause after a failure, if there is one.
    #[must_use]
    pub fn next_attempt_at(&self) -> Option<SystemTime> {
        self.next_attempt_at
    }

    /// Returns whether [`ManagedIdentity::shutdown`](crate::ManagedIdentity::shutdown) was called.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.is_shut_down
    }
}
