use std::time::{Duration, SystemTime};

use passport_core::AccessToken;

/// A token in a shared store.
#[derive(Clone, Debug)]
pub struct StoredToken {
    token: AccessToken,
    issued_at: SystemTime,
    left: Option<Duration>,
}

impl StoredToken {
    /// Creates a token that was issued at `issued_at`. Its expiry is [`AccessToken::expires_at`].
    #[must_use]
    pub fn new(token: AccessToken, issued_at: SystemTime) -> Self {
        Self { token, issued_at, left: None }
    }

    /// Sets the time for which the store keeps the token from now on. It is not used for longer,
    /// whatever the clock of the instance that stored it.
    #[must_use]
    pub fn with_time_left(self, left: Duration) -> Self {
        Self { left: Some(left), ..self }
    }

    /// Returns the token.
    #[must_use]
    pub fn token(&self) -> &AccessToken {
        &self.token
    }

    /// Returns when it was issued, by the clock of the instance that fetched it.
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        self.issued_at
    }

    /// Returns its whole lifetime.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.token.expires_at().duration_since(self.issued_at).unwrap_or_default()
    }

    /// Returns the expiry by the clock of this instance. Of the two clocks, the one with the
    /// earlier expiry is trusted, and no token was issued in the future.
    pub(in crate::cache) fn ends_at(&self, now: SystemTime) -> SystemTime {
        let longest = self.left.unwrap_or(Duration::MAX).min(self.lifetime());
        let said = self.token.expires_at();
        now.checked_add(longest).map_or(said, |at| at.min(said))
    }
}

#[cfg(test)]
mod tests;
