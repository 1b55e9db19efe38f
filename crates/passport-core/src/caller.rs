use std::future::Future;

use tokio::task::futures::TaskLocalFuture;

use crate::AccessToken;

tokio::task_local! {
    static CALLER: CallerToken;
}

/// The verified token of the caller of this service, to be sent on requests that the service
/// makes on behalf of the caller.
///
/// `AuthenticateLayer` of `passport-inbound` adds it to the extensions of a request with a
/// verified token, if `forward_token` is set. `CallerIdentity` of `passport-outbound` reads it
/// from
/// - the extensions of the outgoing request, to which the handler has copied it, or
/// - the current task, if the handler runs in [`CallerToken::scope`].
///
/// No cache stores it. `Debug` shows a fingerprint, never the token.
#[derive(Clone, Debug)]
pub struct CallerToken(AccessToken);

impl CallerToken {
    /// Creates a caller token from `token`, which must have been verified. `passport-outbound` does
    /// not send it after it has expired.
    #[must_use]
    pub fn new(token: AccessToken) -> Self {
        Self(token)
    }

    /// Returns the access token of the caller.
    #[must_use]
    pub fn token(&self) -> &AccessToken {
        &self.0
    }

    /// Runs `future` with this token as its [current](Self::current) caller token. Tasks that
    /// `future` spawns have no caller token.
    ///
    /// # Cancel safety
    /// The same as that of `future`.
    pub fn scope<F: Future>(self, future: F) -> TaskLocalFuture<Self, F> {
        CALLER.scope(self, future)
    }

    /// Returns the token that the innermost [`scope`](Self::scope) around the running code has set,
    /// or `None` outside of a scope.
    #[must_use]
    pub fn current() -> Option<Self> {
        CALLER.try_with(Self::clone).ok()
    }
}

#[cfg(test)]
mod tests;
