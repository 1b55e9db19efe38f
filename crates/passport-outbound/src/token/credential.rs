//! The result of a token lookup for one call: a token, a future of a token, or an error.

use std::pin::Pin;

use http::HeaderValue;

use super::{CachedToken, TokenError};

/// The `Authorization` header with a token, and the generation of the token, which identifies
/// the token if a receiver rejects it.
#[derive(Clone, Debug)]
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
    /// A future of the token, which is being fetched.
    Pending(PendingCredential),
    /// The error of the last token fetch. There is no valid token, and no fetch starts during the
    /// backoff.
    Failed(TokenError),
}

/// A future of a token that is being fetched. The future is boxed, which is cheap compared with
/// the network round trip.
pub(crate) type PendingCredential = Pin<Box<dyn Future<Output = Result<SendableToken, TokenError>> + Send>>;
