//! Limits of what one caller, and all callers together, have at a time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{body::Body, response::Response};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admin;

/// A number of permits, of which one caller has a part at most.
#[derive(Debug)]
pub(crate) struct Shares {
    all: Arc<Semaphore>,
    each: usize,
    by_caller: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

/// A permit. It is given back with this value.
#[derive(Debug)]
pub(crate) struct Share {
    _of_all: OwnedSemaphorePermit,
    _of_the_caller: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Gives the permit back when the body of `response` has ended.
    pub(crate) fn held_by(self, response: Response) -> Response {
        held_by(self, response)
    }
}

/// Drops `held` when the body of `response` has ended or is dropped.
pub(crate) fn held_by<T: Send + 'static>(held: T, response: Response) -> Response {
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &held;
            frame
        }))
    })
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exhausted {
    All,
    Caller,
}

/// Returns how many of `all` permits one of `callers` may have by default.
pub(crate) fn part(all: usize, callers: usize) -> usize {
    if callers == 1 { all } else { all.div_ceil(2) }
}

impl Shares {
    pub(crate) fn new(all: usize, each: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), each, by_caller: Mutex::default() }
    }

    /// Takes a permit for `caller`, or for a peer that is not known yet.
    ///
    /// # Errors
    /// When there is none. It is not waited for.
    pub(crate) fn take(&self, caller: Option<&Arc<str>>) -> Result<Share, Exhausted> {
        let own = caller.map(|caller| self.of(caller).try_acquire_owned()).transpose();
        let of_the_caller = own.map_err(|_| Exhausted::Caller)?;
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Exhausted::All)?;
        Ok(Share { _of_all: of_all, _of_the_caller: of_the_caller })
    }

    fn of(&self, caller: &Arc<str>) -> Arc<Semaphore> {
        let mut by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        let permits =
            by_caller.entry(Arc::clone(caller)).or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Arc::clone(permits)
    }
}

/// The files that connections and forwarded requests may open. What is left of the limit of the
/// process is for operators, logs, secrets and requests to Passport.
#[derive(Clone, Debug)]
pub(crate) struct OpenFiles {
    permits: Arc<Semaphore>,
    number: usize,
}

impl OpenFiles {
    /// Of `limit` files, `pools` of idle connections to upstreams and the sidecar itself need some.
    pub(crate) fn new(limit: usize, pools: usize) -> Self {
        let idle = pools.saturating_mul(idle_connections(limit, pools));
        let number = limit.saturating_sub(OWN_FILES + idle).clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(number)), number }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    pub(crate) fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }
}

/// Those of the admin listener, and as many for everything else.
const OWN_FILES: usize = 2 * admin::LIMITS.connections;

/// Returns how many idle connections each of `pools` keeps: one caller's to one upstream. All of
/// them take a quarter of `limit` files at most.
pub(crate) fn idle_connections(limit: usize, pools: usize) -> usize {
    const MAX: usize = 64;
    MAX.min(limit / 4 / pools.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_does_not_take_all_permits() {
        let shares = Shares::new(3, 2);
        let (greedy, modest) = (Arc::<str>::from("greedy"), Arc::<str>::from("modest"));
        let held = [shares.take(Some(&greedy)), shares.take(Some(&greedy))];
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(shares.take(Some(&greedy)).unwrap_err(), Exhausted::Caller);
        let last = shares.take(Some(&modest)).unwrap();
        assert_eq!(shares.take(Some(&modest)).unwrap_err(), Exhausted::All);
        assert_eq!(shares.take(None).unwrap_err(), Exhausted::All);
        drop(last);
        assert!(shares.take(Some(&modest)).is_ok(), "a permit is given back, also after a failure");
        drop(held);
        assert!(shares.take(Some(&greedy)).is_ok());
    }

    #[test]
    fn operators_keep_files_when_all_others_are_taken() {
        for (limit, pools, number) in
            [(1024, 0, 896), (1024, 10, 646), (1024, 1000, 896), (4096, 4, 3712), (64, 0, 1)]
        {
            assert_eq!(OpenFiles::new(limit, pools).number(), number, "{limit} {pools}");
        }
        assert_eq!(OpenFiles::new(usize::MAX, usize::MAX).number(), Semaphore::MAX_PERMITS);
        let files = OpenFiles::new(64, 0);
        let taken = files.take();
        assert!(taken.is_some() && files.take().is_none());
        drop(taken);
        assert!(files.take().is_some());
    }
}
