use std::future::Future;

use tokio::task::futures::TaskLocalFuture;

use crate::AccessToken;

tokio::task_local! {
    static CALLER: CallerToken;
}

/// The token of whoever calls this service, to be shown to the next one in the caller's name.
///
/// The inbound side makes it of a token that it has verified, when it is asked to, and puts it into the extensions of the
/// request; the outbound side's `CallerIdentity` looks for it. In between it goes by hand, or along the task
/// ([`CallerToken::scope`]). Nothing keeps it: it ends with the request that brought it. `Debug` shows no token.
#[derive(Clone, Debug)]
pub struct CallerToken(AccessToken);

impl CallerToken {
    /// The caller's token, which somebody has verified. It is not sent any more once it has expired.
    #[must_use]
    pub fn new(token: AccessToken) -> Self {
        Self(token)
    }

    /// The token itself.
    #[must_use]
    pub fn token(&self) -> &AccessToken {
        &self.0
    }

    /// Runs `future` with this as the current caller of its task. What it spawns is another task, and has no caller.
    ///
    /// # Cancel safety
    /// As `future`.
    pub fn scope<F: Future>(self, future: F) -> TaskLocalFuture<Self, F> {
        CALLER.scope(self, future)
    }

    /// The caller in whose [`scope`](Self::scope) this is called, if it is called in one.
    #[must_use]
    pub fn current() -> Option<Self> {
        CALLER.try_with(Self::clone).ok()
    }
}

#[cfg(test)]
mod tests;
