use std::pin::Pin;

use http::HeaderValue;

use super::{CachedToken, TokenError};

/// The `Authorization` header of a token, and the token's generation.
#[derive(Debug)]
pub(crate) struct SendableToken {
    pub(crate) authorization: HeaderValue,
    pub(crate) generation: u64,
}

impl From<&CachedToken> for SendableToken {
    fn from(cached: &CachedToken) -> Self {
        Self { authorization: cached.token.authorization().clone(), generation: cached.generation }
    }
}

/// The token of an identity, at the moment of a call.
pub(crate) enum Credential {
    /// The cached token. The hot path: nothing was awaited, allocated or locked.
    Ready(SendableToken),
    /// The token is being fetched.
    Pending(PendingCredential),
    /// There is no token, and no attempt is made during the pause after a failure.
    Failed(TokenError),
}

/// A token that is being fetched. Boxed: it exists only before a network round trip.
pub(crate) type PendingCredential = Pin<Box<dyn Future<Output = Result<SendableToken, TokenError>> + Send>>;
