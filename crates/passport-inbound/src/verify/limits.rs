//! What there is only so much of: turns to have a signature verified, so that a flood of tokens that are not known leaves time
//! for the requests whose tokens are, and seats to wait in, so that a flood does not pile up.

use std::{num::NonZeroUsize, sync::Arc, thread::available_parallelism};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many requests may wait at a time for keys, and how many only for their turn. Each holds its
/// token and all that the server has for it; a flood must not make any number of them.
const MOST_WAITING: usize = 4096;

/// One of the places, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// One more than there are: for a caller that blocks its own thread.
    pub(crate) fn unlimited() -> Self {
        Self { _permit: None }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Semaphore>);

impl Places {
    /// For signatures that are verified, so many at once.
    pub(crate) fn turns(at_once: NonZeroUsize) -> Self {
        Self::new(at_once.get())
    }

    /// How many signatures are verified at once by default: half of the processors, and one at least.
    pub(crate) fn default_turns() -> NonZeroUsize {
        let processors = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        NonZeroUsize::new(processors.get() / 2).unwrap_or(NonZeroUsize::MIN)
    }

    fn new(number: usize) -> Self {
        Self(Arc::new(Semaphore::new(number.min(Semaphore::MAX_PERMITS))))
    }

    /// A place, if there is one to be had at once.
    pub(crate) fn take(&self) -> Option<Place> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(Place { _permit: Some(permit) })
    }

    /// Waits for a place, in the order of arrival.
    pub(crate) async fn wait(&self) -> Option<Place> {
        // It is never closed.
        let permit = Arc::clone(&self.0).acquire_owned().await.ok()?;
        Some(Place { _permit: Some(permit) })
    }
}

/// Seats for requests that wait. Those that wait for keys have seats of their own: a flood of them,
/// for as long as a slow fetch takes, leaves the others to tokens that only need a turn.
#[derive(Debug)]
pub(crate) struct Seats {
    pub(crate) for_keys: Places,
    pub(crate) for_turns: Places,
}

/// The seat of one request, until it is dropped.
pub(crate) struct Seat {
    _place: Place,
    is_for_keys: bool,
}

impl Seats {
    pub(crate) fn new() -> Self {
        Self { for_keys: Places::new(MOST_WAITING), for_turns: Places::new(MOST_WAITING) }
    }

    /// Returns the seat of a request that has `held`, if there is one. A request that has waited
    /// for keys keeps its seat while it waits for its turn, so that a herd which comes back from a
    /// fetch takes no other seats.
    pub(crate) fn seat(&self, held: Option<Seat>, waits_for_keys: bool) -> Option<Seat> {
        match held {
            Some(held) if held.is_for_keys || !waits_for_keys => Some(held),
            _ => {
                let places = if waits_for_keys { &self.for_keys } else { &self.for_turns };
                places.take().map(|place| Seat { _place: place, is_for_keys: waits_for_keys })
            }
        }
    }
}
