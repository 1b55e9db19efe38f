//! Permits that are limited in total and for each caller.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ErrorResponse;

/// A pool of permits that all callers share. One caller can take only a part of the permits, so
/// that it cannot block other callers.
#[derive(Debug)]
pub(crate) struct Shares {
    all: Arc<Semaphore>,
    each: usize,
    by_caller: Mutex<BTreeMap<Arc<str>, Arc<Semaphore>>>,
}

/// A permit of [`Shares`]. Dropping this value releases the permit.
#[derive(Debug)]
pub(crate) struct Share {
    _of_all: OwnedSemaphorePermit,
    _of_the_caller: Option<OwnedSemaphorePermit>,
}

/// The limit that was reached, so that no permit was available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exhausted {
    /// The limit of all callers together.
    All,
    /// The limit of one caller.
    Caller,
}

impl Exhausted {
    /// Returns the response to a request that gets no permit: a 503 if the limit of all callers was
    /// reached, and a 429 if the limit of one caller was reached. `limit` is the key of the limit
    /// in the table `limits`.
    pub(crate) fn response(self, limit: &str) -> ErrorResponse {
        match self {
            Self::All => ErrorResponse::unavailable(
                format!("too many requests in flight: retry later, or raise limits.{limit}"),
                Duration::ZERO,
            ),
            Self::Caller => ErrorResponse::too_many_requests(format!(
                "too many requests of this caller in flight: retry later, or raise limits.{limit}"
            )),
        }
    }
}

/// Returns how many of `all` permits one caller can take by default: half of the permits if
/// there are several `callers`, or all permits if there is only one caller.
pub(crate) fn default_share(all: usize, callers: usize) -> usize {
    if callers == 1 { all } else { all.div_ceil(2) }
}

impl Shares {
    /// Creates `all` permits. Each caller can take at most `each` of these permits.
    pub(crate) fn new(all: usize, each: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), each, by_caller: Mutex::default() }
    }

    /// Takes a permit for `caller`. `caller` is `None` for a client that is not identified. The
    /// permit of such a client counts against the total only. Fails immediately if no permit is
    /// left.
    ///
    /// # Errors
    /// Returns the limit that was reached.
    pub(crate) fn take(&self, caller: Option<&Arc<str>>) -> Result<Share, Exhausted> {
        let of_the_caller = match caller {
            Some(caller) => Some(self.of_caller(caller).ok_or(Exhausted::Caller)?),
            None => None,
        };
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Exhausted::All)?;
        Ok(Share { _of_all: of_all, _of_the_caller: of_the_caller })
    }

    /// Takes a permit that counts against the limit of `caller` only. It is for a client that
    /// already holds a permit of the total. Returns `None` immediately if the caller has no permit
    /// left.
    pub(crate) fn of_caller(&self, caller: &Arc<str>) -> Option<OwnedSemaphorePermit> {
        let mut by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        let permits =
            by_caller.entry(Arc::clone(caller)).or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Arc::clone(permits).try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests;
