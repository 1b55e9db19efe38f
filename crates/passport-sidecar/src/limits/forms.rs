//! Limits the forms that are read before their caller is authenticated.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ErrorResponse;

/// The size limit of forms in bytes, except for `/v1/validate`. It is small, because a form with
/// the caller's token is read before the caller is authenticated.
pub(crate) const MAX_FORM: usize = 16 * 1024;

/// How many forms one connection can send at a time before their callers are authenticated. A
/// client needs one form for each token request.
pub(crate) const UNKNOWN_FORMS: usize = 4;

/// Limits how many forms of one connection are read at a time before their caller is
/// authenticated. This bounds the memory of a connection from an unknown client.
#[derive(Clone, Debug)]
pub(crate) struct UnknownForms(Arc<Semaphore>);

impl Default for UnknownForms {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNKNOWN_FORMS)))
    }
}

impl UnknownForms {
    /// Takes the permit to read one form, or fails immediately if none is left.
    ///
    /// # Errors
    /// Returns a 429 if the connection has reached its limit.
    pub(crate) fn take(self) -> Result<OwnedSemaphorePermit, ErrorResponse> {
        let Self(permits) = self;
        permits.try_acquire_owned().map_err(|_| {
            ErrorResponse::too_many_requests(
                "too many forms in flight on this connection: send the caller's token in a Basic header",
            )
        })
    }
}
