//! The last failed request to the service that says who this program is.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use passport_core::TransportError;

use crate::answer;

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
    pub(crate) fn not_reached(&self, host: &str, error: &TransportError) {
        self.set(Some(FailedRequest { host: host.to_owned(), cause: Cause::Transport(error.clone()) }));
    }

    /// Notes a response, which ends a series of failures if it is a success.
    pub(crate) fn answered(&self, host: &str, status: u16) {
        let failed = FailedRequest { host: host.to_owned(), cause: Cause::Status(status) };
        self.set(Some(failed).filter(|_| status >= 400));
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
        std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
    }
}

#[cfg(feature = "aws-secrets-manager")]
impl FailedRequest {
    /// Whether it may pass by itself.
    pub(crate) fn is_transient(&self) -> bool {
        match self.cause {
            Cause::Status(status) => matches!(status, 408 | 429 | 500..),
            Cause::Transport(_) => true,
        }
    }
}

impl fmt::Display for FailedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Status(status) => write!(f, "{} answered {status}", self.host),
            Cause::Transport(error) => write!(f, "{}: {}", self.host, answer::causes(error)),
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
