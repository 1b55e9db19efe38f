//! A token in a shared store, and its times.

use std::time::{Duration, SystemTime};

use passport_core::AccessToken;

/// A token in a shared store, with its time of issue and its expiry.
#[derive(Clone, Debug)]
pub struct StoredToken {
    token: AccessToken,
    issued_at: SystemTime,
    left: Option<Duration>,
}

impl StoredToken {
    /// Creates a stored token that was issued at `issued_at`. The expiry is
    /// [`AccessToken::expires_at`] of `token`.
    #[must_use]
    pub fn new(token: AccessToken, issued_at: SystemTime) -> Self {
        Self { token, issued_at, left: None }
    }

    /// Sets how long the store will still keep the token. Defaults to no limit.
    ///
    /// The instance that reads the token uses the token for no longer than `left`. So a wrong clock
    /// of the instance that stored the token does no harm.
    #[must_use]
    pub fn with_ttl(self, left: Duration) -> Self {
        Self { left: Some(left), ..self }
    }

    /// Returns the token.
    #[must_use]
    pub fn token(&self) -> &AccessToken {
        &self.token
    }

    /// Returns the time of issue, by the clock of the instance that fetched the token.
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        self.issued_at
    }

    /// Returns the total lifetime, from issue to expiry.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.token.expires_at().duration_since(self.issued_at).unwrap_or_default()
    }

    /// Returns the time until which this instance can use the token, by the local clock. The
    /// returned time is the earliest of the following times, so that a wrong clock of either
    /// instance does not prolong the use:
    /// - the expiry of the token;
    /// - `now` plus the total lifetime of the token;
    /// - `now` plus the time for which the store keeps the token.
    pub(in crate::cache) fn ends_at(&self, now: SystemTime) -> SystemTime {
        let longest = self.left.unwrap_or(Duration::MAX).min(self.lifetime());
        let stated = self.token.expires_at();
        now.checked_add(longest).map_or(stated, |at| at.min(stated))
    }
}

#[cfg(test)]
mod tests;
