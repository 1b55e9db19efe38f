//! The error of an authenticated request that cannot be built.

use std::fmt;

use super::assertion::InvalidPrivateKey;
use crate::{TransportError, with_causes};

/// The error of [`ClientProof::request`](super::ClientProof::request). No message contains any part
/// of the secret. `Debug` prints the message and its causes.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientAuthenticationError {
    /// The secret is not a private key for the signature algorithm.
    #[error(transparent)]
    PrivateKey(#[from] InvalidPrivateKey),
    /// The URL cannot be used in an HTTP request.
    #[error(transparent)]
    Url(#[from] TransportError),
}

/// Prints the message and its causes, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for ClientAuthenticationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self))
    }
}
