use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ErrorResponse;

/// Bytes of the largest form, except for `/v1/validate`. A form has one caller's token, and may be
/// read before the caller is known.
pub(crate) const MAX_FORM: usize = 16 * 1024;

/// The number of forms of one connection that are read at a time before their caller is known. A
/// client that gets tokens needs one.
pub(crate) const UNKNOWN_FORMS: usize = 4;

/// Limits the forms of one connection that are read before their caller is known. This bounds the
/// memory that a connection of an unknown client takes.
#[derive(Clone, Debug)]
pub(crate) struct UnknownForms(Arc<Semaphore>);

impl Default for UnknownForms {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNKNOWN_FORMS)))
    }
}

impl UnknownForms {
    /// # Errors
    /// 429 when as many forms of the connection are waited for as may be.
    pub(crate) fn take(self) -> Result<OwnedSemaphorePermit, ErrorResponse> {
        let Self(permits) = self;
        permits.try_acquire_owned().map_err(|_| {
            ErrorResponse::too_many_requests(
                "too many forms on this connection; send the caller's token in a Basic header",
            )
        })
    }
}
