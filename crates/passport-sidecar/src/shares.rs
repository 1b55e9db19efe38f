//! Limits of what one caller, and all callers together, have at a time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{body::Body, response::Response};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
        let of_the_caller = match caller {
            Some(caller) => Some(self.of_caller(caller).ok_or(Exhausted::Caller)?),
            None => None,
        };
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Exhausted::All)?;
        Ok(Share { _of_all: of_all, _of_the_caller: of_the_caller })
    }

    /// Takes a permit of a caller's part only, when one of all is held already.
    pub(crate) fn of_caller(&self, caller: &Arc<str>) -> Option<OwnedSemaphorePermit> {
        let mut by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        let permits =
            by_caller.entry(Arc::clone(caller)).or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Arc::clone(permits).try_acquire_owned().ok()
    }
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
}
