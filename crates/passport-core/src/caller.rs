use std::future::Future;

use tokio::task::futures::TaskLocalFuture;

use crate::AccessToken;

tokio::task_local! {
    static CALLER: CallerToken;
}

/// The verified token of the client that sent a request to this service (the caller). The
/// service sends the token on outgoing requests that it makes on behalf of the caller.
///
/// `AuthenticateLayer` of `passport-inbound` adds the caller token to the extensions of an
/// incoming request with a verified token, if `forward_token` is set. `CallerIdentity` of
/// `passport-outbound` reads the caller token from
/// - the extensions of the outgoing request, to which the handler has copied the caller token,
///   or
/// - the current tokio task, if the handler runs in [`CallerToken::scope`].
///
/// The caller token is not stored in any cache. `Debug` shows a fingerprint, never the token.
#[derive(Clone, Debug)]
pub struct CallerToken(AccessToken);

impl CallerToken {
    /// Creates a caller token from `token`, which must have been verified. `passport-outbound` does
    /// not send an expired token.
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
    /// The returned future is as cancel safe as `future`.
    pub fn scope<F: Future>(self, future: F) -> TaskLocalFuture<Self, F> {
        CALLER.scope(self, future)
    }

    /// Returns the caller token that the innermost [`scope`](Self::scope) around the running code
    /// has set, or `None` outside of a scope.
    #[must_use]
    pub fn current() -> Option<Self> {
        CALLER.try_with(Self::clone).ok()
    }
}

#[cfg(test)]
mod tests;
