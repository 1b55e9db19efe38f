//! The last failed request to a provider, or to the service that identifies this program.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::Response;
use passport_core::TransportError;

use crate::sanitize;

/// What the SDK's own retries would hide when the time is over. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastFailure(Arc<Mutex<Option<FailedRequest>>>);

/// A request that brought nothing.
#[derive(Clone, Debug)]
pub(crate) struct FailedRequest {
    host: String,
    pub(crate) cause: FailureCause,
}

#[derive(Clone, Debug)]
pub(crate) enum FailureCause {
    Status(u16),
    Transport(TransportError),
}

impl LastFailure {
    /// Notes the outcome of a request. A success ends a series of failures.
    pub(crate) fn note(&self, host: &str, outcome: &Result<Response<Bytes>, TransportError>) {
        let cause = match outcome {
            Ok(response) if response.status().as_u16() >= 400 => {
                Some(FailureCause::Status(response.status().as_u16()))
            }
            Ok(_) => None,
            Err(error) => Some(FailureCause::Transport(error.clone())),
        };
        let failed = cause.map(|cause| FailedRequest { host: host.to_owned(), cause });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    pub(crate) fn get(&self) -> Option<FailedRequest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Display for FailedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            FailureCause::Status(status) => write!(f, "{} answered {status}", self.host),
            FailureCause::Transport(error) => write!(f, "{}: {}", self.host, sanitize::causes(error)),
        }
    }
}

impl std::error::Error for FailedRequest {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            FailureCause::Status(_) => None,
            FailureCause::Transport(error) => Some(error),
        }
    }
}
