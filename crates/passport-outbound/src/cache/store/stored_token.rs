use std::time::{Duration, SystemTime};

use passport_core::AccessToken;

/// A token as a fleet shares it.
#[derive(Clone, Debug)]
pub struct StoredToken {
    token: AccessToken,
    minted_at: SystemTime,
    left: Option<Duration>,
}

impl StoredToken {
    /// A token whose life began at `minted_at`. When it ends, it says itself
    /// ([`AccessToken::expires_at`]).
    #[must_use]
    pub fn new(token: AccessToken, minted_at: SystemTime) -> Self {
        Self { token, minted_at, left: None }
    }

    /// The same, of which the store says that it keeps it for `left` from now on. It is not used
    /// for longer then, whatever the clock of the instance that wrote it said.
    #[must_use]
    pub fn with_time_left(self, left: Duration) -> Self {
        Self { left: Some(left), ..self }
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &AccessToken {
        &self.token
    }

    /// When its life began, by the clock of the instance that fetched it.
    #[must_use]
    pub fn minted_at(&self) -> SystemTime {
        self.minted_at
    }

    /// How long its whole life is.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.token.expires_at().duration_since(self.minted_at).unwrap_or_default()
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
