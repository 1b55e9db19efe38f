//! The last failed request to a vault or to its token service.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Response;
use passport_core::TransportError;

use crate::sanitize;

/// The last failed request to a vault or its token service. The error of a read that times out
/// names this request, because an SDK that retries until the timeout does not report why its
/// requests fail. Clones share the value.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastFailure(Arc<Mutex<Option<FailedRequest>>>);

/// A request that had no response, or a response with status 400 or higher.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum FailedRequest {
    #[error("{host} responded with status {status}")]
    Status { host: String, status: u16 },
    #[error("{host}: {}", sanitize::causes(source))]
    Transport { host: String, source: TransportError },
}

impl LastFailure {
    /// Stores the request to `host` as the last failed request if `outcome` is an error or a
    /// response with status 400 or higher. Otherwise clears the last failed request.
    pub(crate) fn record(&self, host: &str, outcome: &Result<Response<Bytes>, TransportError>) {
        let host = host.to_owned();
        let failed = match outcome.as_ref().map(|response| response.status().as_u16()) {
            Ok(status @ 400..) => Some(FailedRequest::Status { host, status }),
            Ok(_) => None,
            Err(error) => Some(FailedRequest::Transport { host, source: error.clone() }),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    /// Returns the last failed request. Returns `None` if no request failed, or if a later request
    /// succeeded.
    pub(crate) fn get(&self) -> Option<FailedRequest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
