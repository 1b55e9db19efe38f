//! One attempt at a time, in a task of its own, shared by all callers that need its outcome.

mod attempt;

use std::{future::Future, sync::PoisonError, time::Duration};

use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout_at},
};

pub use self::attempt::{Attempt, TaskFailure};
use crate::sync::{Mutex, MutexGuard};

/// Runs one attempt at a time and gives its outcome to every caller (single flight).
///
/// A caller joins the running attempt or begins another. The attempt runs in a task of its own, so
/// that it ends neither with the caller that began it nor with those that wait for it.
///
/// Nothing here spawns by itself: [`join_or_spawn`](Self::join_or_spawn) spawns on the runtime that
/// it is given. A caller that wraps the task, in a span or a tracker for example, calls
/// [`join_or_start`](Self::join_or_start) and spawns [`Attempt::run`] itself.
///
/// # Guarantees
/// In every order in which threads may meet:
/// - Of two callers that find no attempt running, one begins one and the other joins it.
/// - [Generations](Attempt::generation) count from 1, and no two attempts have the same.
/// - What an attempt's `complete` does (see [`Attempt::run`]) is done before any waiter has the
///   outcome, and before a caller can find the attempt ended and begin another. Between the two,
///   the attempt still counts as running: a caller that sees the new state must not take that for
///   a stall.
/// - A waiter gets the outcome; or [`Interrupted::Dropped`] as soon as the attempt is dropped without
///   one, by a panic or with its runtime; or [`Interrupted::Stalled`] when it has said nothing for
///   its [deadline and grace](TaskLimits). No waiter waits for longer.
/// - An attempt that stalled, because nothing drives its runtime, is abandoned by the next caller,
///   which begins another. If it goes on later, those that still wait for it get its outcome, but
///   [`is_current`](Self::is_current) is false for its generation from then on.
///
/// # Decisions under a lock of the caller's
/// A caller that has a state beside this, such as a cache, locks it before it calls
/// [`join_or_start`](Self::join_or_start), and locks it in `complete` before it asks
/// [`is_current`](Self::is_current). Then no outcome of an abandoned attempt replaces a later one.
/// The attempt must be spawned after the lock is released: a runtime that is shutting down drops
/// the task immediately, which calls `complete`.
#[derive(Debug)]
pub struct SharedTask<T> {
    state: Mutex<TaskState<T>>,
}

/// How long an attempt may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskLimits {
    /// How long the work may take before it is dropped with [`TaskFailure::DeadlineExceeded`].
    pub deadline: Duration,
    /// How long after the deadline an attempt that has said nothing counts as stalled.
    pub grace: Duration,
}

/// An attempt that a caller has joined or begun.
#[derive(Debug)]
pub enum Joined<T> {
    /// Another caller's attempt is running.
    Running(Waiter<T>),
    /// It is the caller's to run.
    Started(Attempt<T>, Waiter<T>),
}

/// Waits for the outcome of one attempt. Clones wait for the same attempt.
#[derive(Clone, Debug)]
pub struct Waiter<T> {
    generation: u64,
    progress: watch::Receiver<AttemptProgress<T>>,
}

/// Why an attempt has no outcome. It says nothing of the work: the caller may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    /// The attempt was dropped: it panicked, or its runtime has ended.
    #[error("the task was lost")]
    Dropped,
    /// The attempt has said nothing for longer than it may take: nothing drives its runtime.
    #[error("the task has stalled")]
    Stalled,
}

#[derive(Debug)]
struct TaskState<T> {
    /// Of the last attempt that began.
    generation: u64,
    /// The last attempt that began, unless it was abandoned.
    current: Option<watch::Receiver<AttemptProgress<T>>>,
}

#[derive(Debug)]
enum AttemptProgress<T> {
    /// `None` if it may be silent for ever.
    Running {
        stalled_at: Option<Instant>,
    },
    Finished(T),
}

impl TaskLimits {
    /// No limits: for work that ends by itself, if the caller decides by its own clock whether an
    /// attempt has stalled, and then calls [`begin`](SharedTask::begin) or
    /// [`abandon`](SharedTask::abandon).
    pub const UNLIMITED: Self = Self { deadline: Duration::MAX, grace: Duration::ZERO };

    fn stalled_at(self) -> Option<Instant> {
        Instant::now().checked_add(self.deadline.saturating_add(self.grace))
    }
}

impl<T> SharedTask<T> {
    /// Creates one without an attempt.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Mutex::new(TaskState { generation: 0, current: None }) }
    }

    /// Joins the running attempt, or begins one. An attempt that has stalled is abandoned.
    #[must_use]
    pub fn join_or_start(&self, limits: TaskLimits) -> Joined<T> {
        let mut state = self.lock();
        if let Some(waiter) = state.running() {
            return Joined::Running(waiter);
        }
        let (attempt, waiter) = state.begin(limits);
        Joined::Started(attempt, waiter)
    }

    /// Begins an attempt. The one that is running is abandoned.
    #[must_use]
    pub fn begin(&self, limits: TaskLimits) -> (Attempt<T>, Waiter<T>) {
        self.lock().begin(limits)
    }

    /// Joins the running attempt, or spawns one on `runtime` that runs `work`. See
    /// [`Attempt::run`].
    pub fn join_or_spawn<W>(
        &self,
        runtime: &Handle,
        limits: TaskLimits,
        work: impl FnOnce() -> W,
        complete: impl FnOnce(Result<W::Output, TaskFailure>) -> Option<T> + Send + 'static,
    ) -> Waiter<T>
    where
        T: Send + Sync + 'static,
        W: Future<Output: Send> + Send + 'static,
    {
        match self.join_or_start(limits) {
            Joined::Running(waiter) => waiter,
            Joined::Started(attempt, waiter) => {
                drop(runtime.spawn(attempt.run(work(), complete)));
                waiter
            }
        }
    }

    /// Returns the running attempt, unless it has stalled.
    #[must_use]
    pub fn running(&self) -> Option<Waiter<T>> {
        self.lock().running()
    }

    /// Returns whether the attempt of `generation` counts: it was not abandoned, and no other one
    /// has begun since. One that stalled counts until another begins.
    #[must_use]
    pub fn is_current(&self, generation: u64) -> bool {
        let state = self.lock();
        state.generation == generation && state.current.is_some()
    }

    /// Abandons the attempt of `generation`, unless another one has begun since. The next caller
    /// begins another; those that wait for this one get its outcome all the same.
    pub fn abandon(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation == generation {
            state.current = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, TaskState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> TaskState<T> {
    fn running(&self) -> Option<Waiter<T>> {
        let progress = self.current.as_ref()?;
        // A sender that was dropped has ended the attempt, with an outcome or without.
        let is_running = progress.has_changed().is_ok() && progress.borrow().is_running();
        is_running.then(|| Waiter { generation: self.generation, progress: progress.clone() })
    }

    fn begin(&mut self, limits: TaskLimits) -> (Attempt<T>, Waiter<T>) {
        let (sender, progress) = watch::channel(AttemptProgress::Running { stalled_at: limits.stalled_at() });
        self.generation += 1;
        self.current = Some(progress.clone());
        let attempt = Attempt::new(self.generation, limits, sender);
        (attempt, Waiter { generation: self.generation, progress })
    }
}

impl<T> AttemptProgress<T> {
    fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. }) && !self.has_stalled()
    }

    fn has_stalled(&self) -> bool {
        matches!(self, Self::Running { stalled_at: Some(at) } if *at <= Instant::now())
    }
}

impl<T> Default for SharedTask<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Waiter<T> {
    /// Returns the number of the attempt.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl<T: Clone> Waiter<T> {
    /// Waits for the outcome. Needs a runtime with a timer, unless the attempt has ended or has no
    /// limits.
    ///
    /// # Errors
    /// When the attempt ends without an outcome, or stalls.
    ///
    /// # Cancel safety
    /// Dropping this future affects neither the attempt nor other waiters.
    pub async fn outcome(mut self) -> Result<T, Interrupted> {
        loop {
            // Read before the progress, which a lost attempt does not change any more.
            let is_lost = self.progress.has_changed().is_err();
            let stalled_at = match &*self.progress.borrow_and_update() {
                AttemptProgress::Finished(outcome) => return Ok(outcome.clone()),
                AttemptProgress::Running { .. } if is_lost => return Err(Interrupted::Dropped),
                AttemptProgress::Running { stalled_at } => *stalled_at,
            };
            let changed = self.progress.changed();
            match stalled_at {
                None => drop(changed.await),
                Some(stalled_at) => match timeout_at(stalled_at, changed).await {
                    Ok(_finished_or_lost) => {}
                    Err(_silent) => return Err(Interrupted::Stalled),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests;
