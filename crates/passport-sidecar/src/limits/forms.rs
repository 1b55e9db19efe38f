//! Limits the forms that are read before their caller is authenticated.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ErrorResponse;

/// The size limit of forms in bytes, except for `/v1/validate`. It is small, because a form with
/// the caller's token is read before the caller is authenticated.
pub(crate) const MAX_FORM: usize = 16 * 1024;

/// The number of forms that one connection may have before their callers are authenticated. A
/// client that requests tokens needs one.
pub(crate) const UNKNOWN_FORMS: usize = 4;

/// Limits the forms of one connection that are read before their caller is authenticated. This
/// bounds the memory of a connection of an unknown client.
#[derive(Clone, Debug)]
pub(crate) struct UnknownForms(Arc<Semaphore>);

impl Default for UnknownForms {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNKNOWN_FORMS)))
    }
}

impl UnknownForms {
    /// Takes the permit of one form. Does not wait.
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
