use std::{
    future::{Future, poll_fn},
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use tokio::{sync::watch, time::timeout};

use super::{AttemptProgress, TaskLimits};

/// The running attempt of a [`SharedTask`](super::SharedTask). The tokio task that runs the work
/// owns this value.
///
/// Dropping this value ends the attempt without an outcome.
#[derive(Debug)]
pub struct Attempt<T> {
    generation: u64,
    limits: TaskLimits,
    progress: watch::Sender<AttemptProgress<T>>,
}

/// The reason why the work of an attempt has no output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// The work took longer than [`TaskLimits::deadline`].
    #[error("the task exceeded its deadline")]
    DeadlineExceeded,
    /// The work panicked. The panic message is not included, because it can contain secrets.
    #[error("the task panicked")]
    Panicked,
    /// The work was dropped before it finished, because its tokio runtime has shut down.
    #[error("the task was dropped with its runtime")]
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

    /// Returns the number of the attempt. The first attempt of a shared task has the number 1. Each
    /// later attempt has a higher number.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Ends the attempt. All waiters of the attempt receive `outcome`.
    pub fn finish(self, outcome: T) {
        self.progress.send_replace(AttemptProgress::Finished(outcome));
    }

    /// Returns a future that runs `work` within [`TaskLimits::deadline`], passes the result of
    /// `work` to `complete`, and ends the attempt with the outcome that `complete` returns.
    ///
    /// `complete` is called exactly once:
    /// - when `work` has finished, has panicked or has exceeded the deadline, or
    /// - when the returned future is dropped, even before its first poll.
    ///
    /// If `complete` returns `None`, the waiters receive
    /// [`WaitError::Dropped`](super::WaitError::Dropped) and can start another attempt.
    pub fn run<W, C>(self, work: W, complete: C) -> impl Future<Output = ()> + use<T, W, C>
    where
        W: Future,
        C: FnOnce(Result<W::Output, TaskError>) -> Option<T>,
    {
        let deadline = self.limits.deadline;
        let mut completion = Completion { parts: Some((self, complete)), result: PhantomData };
        async move {
            // This block drops the work before `complete` is called.
            let result = {
                let mut work = pin!(work);
                let caught =
                    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
                        Ok(poll) => poll.map(Ok),
                        Err(_message) => Poll::Ready(Err(TaskError::Panicked)),
                    });
                timeout(deadline, caught).await.unwrap_or(Err(TaskError::DeadlineExceeded))
            };
            completion.end(result);
        }
    }
}

/// Calls `complete` when the work has ended, or when this value is dropped before that.
struct Completion<T, R, C: FnOnce(Result<R, TaskError>) -> Option<T>> {
    parts: Option<(Attempt<T>, C)>,
    result: PhantomData<fn(R)>,
}

impl<T, R, C: FnOnce(Result<R, TaskError>) -> Option<T>> Completion<T, R, C> {
    fn end(&mut self, result: Result<R, TaskError>) {
        let Some((attempt, complete)) = self.parts.take() else { return };
        if let Some(outcome) = complete(result) {
            attempt.finish(outcome);
        }
    }
}

impl<T, R, C: FnOnce(Result<R, TaskError>) -> Option<T>> Drop for Completion<T, R, C> {
    fn drop(&mut self) {
        self.end(Err(TaskError::Dropped));
    }
}
