//! One attempt for any number of callers: the predecessor of the shared task, without a deadline, a
//! task and numbers. Only the cache of tokens still uses it.
//!
//! The first caller becomes the lead and runs the attempt wherever it likes (usually in a task of its own, so that
//! no caller's cancellation ends it); everybody, the lead's caller included, waits on a [`Flight`]. Nothing is
//! spawned here.

use std::sync::PoisonError;

use tokio::sync::watch;

use crate::sync::{Mutex, MutexGuard};

/// Lets one attempt run at a time and gives all callers its outcome.
#[derive(Debug)]
pub struct SingleFlight<T> {
    running: Mutex<Option<watch::Receiver<Option<T>>>>,
}

/// The duty to finish an attempt. Dropping it without [`Lead::land`] ends the attempt without an outcome.
#[derive(Debug)]
pub struct Lead<T> {
    outcome: watch::Sender<Option<T>>,
}

/// A seat in a running attempt.
#[derive(Clone, Debug)]
pub struct Flight<T> {
    outcome: watch::Receiver<Option<T>>,
}

impl<T: Clone> SingleFlight<T> {
    /// No attempt is running.
    #[must_use]
    pub fn new() -> Self {
        Self { running: Mutex::new(None) }
    }

    /// Starts an attempt, whatever else is running: whoever calls decides under a lock of their own, with
    /// [`SingleFlight::running`].
    #[must_use]
    pub fn lead(&self) -> (Lead<T>, Flight<T>) {
        let (sender, receiver) = watch::channel(None);
        *self.lock() = Some(receiver.clone());
        (Lead { outcome: sender }, Flight { outcome: receiver })
    }

    /// The running attempt, if there is one.
    #[must_use]
    pub fn running(&self) -> Option<Flight<T>> {
        seat(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Option<watch::Receiver<Option<T>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt is running while its lead lives and has said nothing. A lead that was dropped (its task panicked, its
/// runtime went away) thereby makes room for the next.
fn seat<T>(attempt: &Option<watch::Receiver<Option<T>>>) -> Option<Flight<T>> {
    let outcome = attempt.as_ref()?;
    let running = outcome.has_changed().is_ok() && outcome.borrow().is_none();
    running.then(|| Flight { outcome: outcome.clone() })
}

impl<T: Clone> Default for SingleFlight<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Lead<T> {
    /// Ends the attempt and hands its outcome to all who wait.
    pub fn land(self, outcome: T) {
        // Nobody may be waiting any more; that is no failure.
        let _ = self.outcome.send(Some(outcome));
    }
}

impl<T: Clone> Flight<T> {
    /// Waits for the outcome: `None` when the lead was dropped without one.
    ///
    /// # Cancel safety
    /// Dropping this future leaves the attempt and the other callers alone.
    pub async fn outcome(mut self) -> Option<T> {
        self.outcome.wait_for(Option::is_some).await.ok()?.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_callers_get_the_outcome_of_one_attempt() {
        let flights = SingleFlight::new();
        let (lead, first) = flights.lead();
        let second = flights.running().unwrap();
        lead.land(7);
        assert_eq!((first.outcome().await, second.outcome().await), (Some(7), Some(7)));
    }

    #[tokio::test]
    async fn after_its_outcome_an_attempt_is_not_running() {
        let flights = SingleFlight::new();
        flights.lead().0.land(1);
        assert!(flights.running().is_none());
    }

    #[tokio::test]
    async fn a_lead_that_is_lost_frees_the_waiters_and_the_seat() {
        let flights = SingleFlight::<u8>::new();
        let (lost, first) = flights.lead();
        let second = flights.running().unwrap();
        drop(lost);
        assert_eq!((first.outcome().await, second.outcome().await), (None, None));
        assert!(flights.running().is_none());
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_does_not_end_the_attempt() {
        let flights = SingleFlight::new();
        let (lead, first) = flights.lead();
        let second = flights.running().unwrap();
        drop(first);
        lead.land(3);
        assert_eq!(second.outcome().await, Some(3));
    }
}
