//! The token of a call: ready, pending or failed.

use std::pin::Pin;

use http::HeaderValue;

use super::{CachedToken, TokenError};

/// The `Authorization` header of a token, and its generation, which identifies the token if a
/// receiver rejects it.
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

/// The result of a token lookup for one call.
pub(crate) enum Credential {
    /// The cached token. The hot path: no await, no allocation, no lock.
    Ready(SendableToken),
    /// The token is being fetched.
    Pending(PendingCredential),
    /// There is no valid token, and no attempt starts during the backoff after a failure.
    Failed(TokenError),
}

/// A token that is being fetched. Boxed, which is cheap compared with the network round trip.
pub(crate) type PendingCredential = Pin<Box<dyn Future<Output = Result<SendableToken, TokenError>> + Send>>;
