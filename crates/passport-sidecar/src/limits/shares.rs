//! Limits on what one caller, and all callers together, have at a time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ErrorResponse;

/// A number of permits, of which each caller may have a part.
#[derive(Debug)]
pub(crate) struct Shares {
    all: Arc<Semaphore>,
    each: usize,
    by_caller: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

/// A permit, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    _of_all: OwnedSemaphorePermit,
    _of_the_caller: Option<OwnedSemaphorePermit>,
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exhausted {
    All,
    Caller,
}

impl Exhausted {
    /// Returns the response to a request for which there is no permit. `limit` is the key of the
    /// limit in the configuration.
    pub(crate) fn response(self, limit: &str) -> ErrorResponse {
        match self {
            Self::All => ErrorResponse::unavailable(
                format!("too many requests are on their way; see limits.{limit}"),
                Duration::ZERO,
            ),
            Self::Caller => ErrorResponse::too_many_requests(format!(
                "this caller has too many requests on their way; see limits.{limit}"
            )),
        }
    }
}

/// Returns how many of `all` permits one of `callers` may have by default.
pub(crate) fn default_share(all: usize, callers: usize) -> usize {
    if callers == 1 { all } else { all.div_ceil(2) }
}

impl Shares {
    pub(crate) fn new(all: usize, each: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), each, by_caller: Mutex::default() }
    }

    /// Takes a permit for `caller`, or for a client that is unknown.
    ///
    /// # Errors
    /// When there is none; it does not wait.
    pub(crate) fn take(&self, caller: Option<&Arc<str>>) -> Result<Share, Exhausted> {
        let of_the_caller = match caller {
            Some(caller) => Some(self.of_caller(caller).ok_or(Exhausted::Caller)?),
            None => None,
        };
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Exhausted::All)?;
        Ok(Share { _of_all: of_all, _of_the_caller: of_the_caller })
    }

    /// Takes a permit of a caller's part, when one of all is held already.
    pub(crate) fn of_caller(&self, caller: &Arc<str>) -> Option<OwnedSemaphorePermit> {
        let mut by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        let permits =
            by_caller.entry(Arc::clone(caller)).or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Arc::clone(permits).try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests;
