//! The error of a request that got no response from its upstream.

use tower::BoxError;

/// Why a request got no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// No connection could be established, so that nothing was sent.
    #[error("connection failed")]
    Connect(#[source] BoxError),
    /// The request failed on a connection.
    #[error("request failed")]
    Request(#[source] hyper::Error),
}
