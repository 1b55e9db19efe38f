//! The last failed request to a provider, or to the service that identifies this program.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Response;
use passport_core::TransportError;

use crate::sanitize;

/// What the SDK's own retries would hide when the time is over. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastFailure(Arc<Mutex<Option<FailedRequest>>>);

/// A request that brought nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum FailedRequest {
    #[error("{host} answered {status}")]
    Status { host: String, status: u16 },
    #[error("{host}: {}", sanitize::causes(source))]
    Transport { host: String, source: TransportError },
}

impl LastFailure {
    /// Notes the outcome of a request. A success ends a series of failures.
    pub(crate) fn note(&self, host: &str, outcome: &Result<Response<Bytes>, TransportError>) {
        let host = host.to_owned();
        let failed = match outcome.as_ref().map(|response| response.status().as_u16()) {
            Ok(status @ 400..) => Some(FailedRequest::Status { host, status }),
            Ok(_) => None,
            Err(error) => Some(FailedRequest::Transport { host, source: error.clone() }),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    pub(crate) fn get(&self) -> Option<FailedRequest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
