use std::{
    future::{Future, poll_fn},
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use tokio::{sync::watch, time::timeout};

use super::{AttemptProgress, TaskLimits};

/// The running attempt of a [`SharedTask`](super::SharedTask), owned by the task that runs it.
///
/// Dropping it ends the attempt without an outcome.
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
    /// The work was dropped before it finished, because its runtime has shut down.
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

    /// Returns the number of the attempt. It is 1 for the first attempt, and higher for each later
    /// one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Ends the attempt with `outcome`, which all waiters receive.
    pub fn finish(self, outcome: T) {
        self.progress.send_replace(AttemptProgress::Finished(outcome));
    }

    /// Returns a future that runs `work` within the deadline, passes its result to `complete`, and
    /// ends the attempt with the outcome that `complete` returns.
    ///
    /// `complete` is called exactly once, also if the work panics or the future is dropped, even
    /// before its first poll. If it returns `None`, waiters receive
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

/// Calls `complete` when the work has ended or is dropped.
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
