//! The last failed request to a vault or to its token service.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Response;
use passport_core::TransportError;

use crate::sanitize;

/// The last failed request, for the error of a read that times out: the retries of an SDK would
/// hide it. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastFailure(Arc<Mutex<Option<FailedRequest>>>);

/// A failed request.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum FailedRequest {
    #[error("{host} responded with {status}")]
    Status { host: String, status: u16 },
    #[error("{host}: {}", sanitize::causes(source))]
    Transport { host: String, source: TransportError },
}

impl LastFailure {
    /// Records the outcome of a request. A success clears the last failure.
    pub(crate) fn record(&self, host: &str, outcome: &Result<Response<Bytes>, TransportError>) {
        let host = host.to_owned();
        let failed = match outcome.as_ref().map(|response| response.status().as_u16()) {
            Ok(status @ 400..) => Some(FailedRequest::Status { host, status }),
            Ok(_) => None,
            Err(error) => Some(FailedRequest::Transport { host, source: error.clone() }),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    /// Returns the last failed request, unless a later one succeeded.
    pub(crate) fn get(&self) -> Option<FailedRequest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
