use std::future::Future;

use tokio::task::futures::TaskLocalFuture;

use crate::AccessToken;

tokio::task_local! {
    static CALLER: CallerToken;
}

/// The verified token of the caller of this service, to be sent on requests that the service
/// makes on behalf of the caller.
///
/// The inbound side puts it into the extensions of a request after it has verified the token, if
/// that is configured. The outbound side's `CallerIdentity` takes it from the extensions of the
/// outgoing request, to which the handler copies it, or from the task ([`CallerToken::scope`]).
/// No cache stores it. `Debug` shows a fingerprint, never the token.
#[derive(Clone, Debug)]
pub struct CallerToken(AccessToken);

impl CallerToken {
    /// Creates it from a token that was verified. The outbound side does not send it after it has
    /// expired.
    #[must_use]
    pub fn new(token: AccessToken) -> Self {
        Self(token)
    }

    /// Returns the token.
    #[must_use]
    pub fn token(&self) -> &AccessToken {
        &self.0
    }

    /// Runs `future` with this token as the [current](Self::current) caller of its task. Tasks that
    /// it spawns have no caller.
    ///
    /// # Cancel safety
    /// That of `future`.
    pub fn scope<F: Future>(self, future: F) -> TaskLocalFuture<Self, F> {
        CALLER.scope(self, future)
    }

    /// Returns the caller of the innermost [`scope`](Self::scope) around the calling code, if there
    /// is one.
    #[must_use]
    pub fn current() -> Option<Self> {
        CALLER.try_with(Self::clone).ok()
    }
}

#[cfg(test)]
mod tests;
