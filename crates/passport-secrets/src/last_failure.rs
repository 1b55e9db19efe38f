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
    cause: Cause,
}

#[derive(Clone, Debug)]
enum Cause {
    Status(u16),
    Transport(TransportError),
}

impl LastFailure {
    /// Notes the outcome of a request. A success ends a series of failures.
    pub(crate) fn note(&self, host: &str, outcome: &Result<Response<Bytes>, TransportError>) {
        let cause = match outcome {
            Ok(response) if response.status().as_u16() >= 400 => {
                Some(Cause::Status(response.status().as_u16()))
            }
            Ok(_) => None,
            Err(error) => Some(Cause::Transport(error.clone())),
        };
        self.set(cause.map(|cause| FailedRequest { host: host.to_owned(), cause }));
    }

    pub(crate) fn get(&self) -> Option<FailedRequest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, failed: Option<FailedRequest>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }
}

#[cfg(feature = "azure-key-vault")]
impl FailedRequest {
    /// Returns the failed request among the causes of `error`.
    pub(crate) fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        passport_core::chain(error).find_map(|error| error.downcast_ref())
    }
}

#[cfg(feature = "aws-secrets-manager")]
impl FailedRequest {
    /// Whether it may pass by itself.
    pub(crate) fn is_transient(&self) -> bool {
        match &self.cause {
            Cause::Status(status) => matches!(status, 408 | 429 | 500..),
            Cause::Transport(error) => error.is_transient(),
        }
    }
}

impl fmt::Display for FailedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Status(status) => write!(f, "{} answered {status}", self.host),
            Cause::Transport(error) => write!(f, "{}: {}", self.host, sanitize::causes(error)),
        }
    }
}

impl std::error::Error for FailedRequest {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Status(_) => None,
            Cause::Transport(error) => Some(error),
        }
    }
}
