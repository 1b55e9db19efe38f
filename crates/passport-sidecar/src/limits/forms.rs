//! Limits how many forms are read before the client that sends them is identified as a caller.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ErrorResponse;

/// The size limit of forms in bytes, except for `/v1/validate`. The limit is small, because a
/// form that contains the caller token is read before the client is identified.
pub(crate) const MAX_FORM: usize = 16 * 1024;

/// How many forms are read at a time on one connection before the client is identified as a
/// caller. A client sends one form for each token request.
pub(crate) const UNKNOWN_FORMS: usize = 4;

/// Limits how many forms are read at a time on one connection before the client is identified as
/// a caller. The limit bounds the memory of a connection from an unknown client.
#[derive(Clone, Debug)]
pub(crate) struct UnknownForms(Arc<Semaphore>);

impl Default for UnknownForms {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNKNOWN_FORMS)))
    }
}

impl UnknownForms {
    /// Takes the permit to read one form. Fails immediately if the connection has no permit left.
    ///
    /// # Errors
    /// Returns a 429 if the connection has no permit left.
    pub(crate) fn take(self) -> Result<OwnedSemaphorePermit, ErrorResponse> {
        let Self(permits) = self;
        permits.try_acquire_owned().map_err(|_| {
            ErrorResponse::too_many_requests(
                "too many forms in flight on this connection: send the caller's token in a Basic header",
            )
        })
    }
}
