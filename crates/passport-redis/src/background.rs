//! Work that one does for all who wait, in a task of its own: what takes longer than one of them has time is there for the next.

use std::{
    fmt,
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use passport_core::{Flight, SingleFlight};
use passport_outbound::StoreError;
use tokio::time::{Instant, timeout};

pub(crate) type Outcome<T> = Result<T, StoreError>;

/// One kind of work, done once at a time.
pub(crate) struct Background<T> {
    flights: SingleFlight<Outcome<T>>,
    /// When the work began that is running.
    began: Mutex<Option<Instant>>,
    /// How long it may take.
    limit: Duration,
    /// What is said when it takes longer.
    late: &'static str,
}

impl<T: Clone + Send + Sync + 'static> Background<T> {
    pub(crate) fn new(limit: Duration, late: &'static str) -> Self {
        Self { flights: SingleFlight::new(), began: Mutex::default(), limit, late }
    }

    #[cfg(test)]
    pub(crate) fn is_running(&self) -> bool {
        self.flights.running().is_some()
    }

    /// What comes of the work that is running, or of `work`, which is started then.
    pub(crate) async fn outcome<F>(&self, work: impl FnOnce() -> F) -> Outcome<T>
    where
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        let outcome = self.joined(work).outcome().await;
        outcome.unwrap_or_else(|| Err(StoreError::new("the runtime is going")))
    }

    /// The work that is running, or `work`, which is started then. One that says nothing for longer than it may take sits on a
    /// runtime that nobody drives.
    pub(crate) fn joined<F>(&self, work: impl FnOnce() -> F) -> Flight<Outcome<T>>
    where
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        let mut began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(flight) = self.flights.running() {
            if began.is_some_and(|began| now < began + 2 * self.limit) {
                return flight;
            }
            self.flights.give_up(&flight);
        }
        *began = Some(now);
        let (lead, flight) = self.flights.lead();
        let (work, limit, late) = (work(), self.limit, self.late);
        tokio::spawn(async move {
            let outcome = timeout(limit, work).await;
            lead.land(outcome.unwrap_or_else(|elapsed| Err(StoreError::new(late).caused_by(elapsed))));
        });
        flight
    }
}

impl<T> fmt::Debug for Background<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn many_share_one_piece_of_work_and_its_failure() {
        let (background, done) = (Background::<u8>::new(LIMIT, "late"), Arc::new(AtomicUsize::new(0)));
        let asked = || {
            background.outcome(|| {
                let done = Arc::clone(&done);
                async move {
                    done.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(2 * LIMIT).await;
                    Ok(1)
                }
            })
        };
        let (one, other) = tokio::join!(asked(), asked());
        assert!(one.is_err() && other.is_err());
        assert_eq!(done.load(Ordering::SeqCst), 1);
        assert!(asked().await.is_err(), "and the next is a new one");
        assert_eq!(done.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_when_nobody_waits() {
        let background = Background::<u8>::new(LIMIT, "late");
        let work = || async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(1)
        };
        assert!(timeout(Duration::from_millis(10), background.outcome(work)).await.is_err());
        assert_eq!(background.outcome(|| async { Ok(2) }).await.unwrap(), 1, "that of the one who left");
    }

    #[test]
    fn work_on_a_runtime_that_nobody_drives_holds_nobody_up_for_ever() {
        let runtime = || {
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
        };
        let (background, undriven) = (Background::<u8>::new(LIMIT, "late"), runtime());
        undriven.block_on(async { drop(background.joined(|| async { std::future::pending().await })) });
        let driven = runtime();
        driven.block_on(async {
            tokio::time::advance(3 * LIMIT).await;
            assert_eq!(background.outcome(|| async { Ok(2) }).await.unwrap(), 2);
        });
    }
}
