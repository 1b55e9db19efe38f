use std::{
    future::{Future, poll_fn},
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use tokio::{sync::watch, time::timeout};

use super::{AttemptProgress, TaskLimits};

/// The duty to bring an outcome. Dropping it ends the attempt without one.
#[derive(Debug)]
pub struct Attempt<T> {
    generation: u64,
    limits: TaskLimits,
    progress: watch::Sender<AttemptProgress<T>>,
}

/// Why the work of an attempt has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskFailure {
    /// It took longer than [`TaskLimits::deadline`].
    #[error("deadline has elapsed")]
    DeadlineExceeded,
    /// It panicked. The panic's message is not repeated: it may hold anything.
    #[error("the task panicked")]
    Panicked,
    /// It was dropped, because its runtime has ended.
    #[error("the task was lost with its runtime")]
    Dropped,
}

impl<T> Attempt<T> {
    pub(super) fn new(
        generation: u64,
        limits: TaskLimits,
        progress: watch::Sender<AttemptProgress<T>>,
    ) -> Self {
        Self { generation, limits, progress }
    }

    /// Returns the number of the attempt: 1 for the first, and higher for each later one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Ends the attempt with `outcome`, which all waiters get.
    pub fn finish(self, outcome: T) {
        self.progress.send_replace(AttemptProgress::Finished(outcome));
    }

    /// Returns a future that runs `work` within the deadline and ends the attempt with what
    /// `complete` makes of its result.
    ///
    /// `complete` is called once, whatever happens: also if the work panics, and if the future is
    /// dropped, even before its first poll. Without an outcome from it, waiters get
    /// [`Interrupted::Dropped`](super::Interrupted::Dropped), and may try again.
    pub fn run<W, C>(self, work: W, complete: C) -> impl Future<Output = ()> + use<T, W, C>
    where
        W: Future,
        C: FnOnce(Result<W::Output, TaskFailure>) -> Option<T>,
    {
        let deadline = self.limits.deadline;
        let mut completion = Completion { parts: Some((self, complete)), result: PhantomData };
        async move {
            // The work is dropped before it is completed.
            let result = {
                let mut work = pin!(work);
                let caught =
                    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
                        Ok(poll) => poll.map(Ok),
                        Err(_message) => Poll::Ready(Err(TaskFailure::Panicked)),
                    });
                timeout(deadline, caught).await.unwrap_or(Err(TaskFailure::DeadlineExceeded))
            };
            completion.end(result);
        }
    }
}

/// Calls `complete` when the work has ended, or is dropped.
struct Completion<T, R, C: FnOnce(Result<R, TaskFailure>) -> Option<T>> {
    parts: Option<(Attempt<T>, C)>,
    result: PhantomData<fn(R)>,
}

impl<T, R, C: FnOnce(Result<R, TaskFailure>) -> Option<T>> Completion<T, R, C> {
    fn end(&mut self, result: Result<R, TaskFailure>) {
        let Some((attempt, complete)) = self.parts.take() else { return };
        if let Some(outcome) = complete(result) {
            attempt.finish(outcome);
        }
    }
}

impl<T, R, C: FnOnce(Result<R, TaskFailure>) -> Option<T>> Drop for Completion<T, R, C> {
    fn drop(&mut self) {
        self.end(Err(TaskFailure::Dropped));
    }
}
