//! A task that concurrent callers share (single flight).

mod attempt;

use std::{future::Future, sync::PoisonError, time::Duration};

use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout_at},
};

pub use self::attempt::{Attempt, TaskError};
use crate::sync::{Mutex, MutexGuard};

/// A task that concurrent calls share (single flight). One run of the task is called an attempt.
/// All calls that share an attempt receive its outcome.
///
/// A caller is code that calls a method of this type. A caller joins the running attempt, or
/// starts an attempt if none is running. Each attempt runs in a separate tokio task. Therefore
/// an attempt continues when the future of the caller that started it, or of any waiter, is
/// dropped.
///
/// This type spawns only on the `Handle` that a caller passes to
/// [`join_or_spawn`](Self::join_or_spawn). To wrap the tokio task, for example in a span or a
/// task tracker, call [`join_or_start`](Self::join_or_start) and spawn [`Attempt::run`].
///
/// # Guarantees
/// For every interleaving of threads:
/// - If two callers find no running attempt at the same time, one caller starts an attempt and
///   the other joins this attempt.
/// - [Generations](Attempt::generation) are the numbers of attempts. They start at 1, and each
///   attempt has a different number.
/// - The effects of `complete` (see [`Attempt::run`]) are visible before any waiter receives the
///   outcome, and before a caller can find that the attempt has ended and start another attempt.
/// - While `complete` runs, the attempt counts as running. A caller that already sees the
///   effects of `complete` must not treat the attempt as stalled.
/// - A waiter receives one of these results, and does not wait longer than the [deadline and
///   grace](TaskLimits) of the attempt:
///   - the outcome
///   - [`WaitError::Dropped`], as soon as the attempt is dropped without an outcome, by a panic
///     or with its runtime
///   - [`WaitError::Stalled`], if the attempt has not ended within the deadline and grace
/// - An attempt stalls if the tokio runtime that runs it is not driven. The next caller abandons
///   the stalled attempt and starts another attempt. From then on,
///   [`is_current`](Self::is_current) returns false for the generation of the abandoned attempt.
///   If the abandoned attempt continues later, its remaining waiters receive its outcome.
///
/// # Combining a shared task with a lock
/// To protect additional state, such as a cache, with a lock:
/// - Lock the state before calling [`join_or_start`](Self::join_or_start).
/// - In `complete`, lock the state before calling [`is_current`](Self::is_current). Then the
///   outcome of an abandoned attempt cannot replace the outcome of a later attempt.
/// - Spawn the attempt after the lock is released. A runtime that is shutting down drops the
///   spawned future immediately, which calls `complete`. If the lock were still held, this would
///   be a deadlock.
#[derive(Debug)]
pub struct SharedTask<T> {
    state: Mutex<TaskState<T>>,
}

/// The time limits of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskLimits {
    /// The maximum duration of the attempt's work. After this time, the work is dropped and its
    /// result is [`TaskError::DeadlineExceeded`].
    pub deadline: Duration,
    /// How long after `deadline` the attempt must have ended. After this time, the attempt counts
    /// as stalled: its waiters receive [`WaitError::Stalled`], and the next caller starts another
    /// attempt.
    pub grace: Duration,
}

/// The result of [`SharedTask::join_or_start`]: the attempt that the caller has joined or
/// started.
#[derive(Debug)]
pub enum JoinOutcome<T> {
    /// The attempt of another caller is running. The value is a waiter for its outcome.
    Running(Waiter<T>),
    /// The caller has started an attempt. The values are the attempt, which the caller must run,
    /// and a waiter for its outcome.
    Started(Attempt<T>, Waiter<T>),
}

/// A handle that waits for the outcome of one attempt. Clones wait for the same attempt.
#[derive(Clone, Debug)]
pub struct Waiter<T> {
    generation: u64,
    progress: watch::Receiver<AttemptProgress<T>>,
}

/// The reason why a waiter received no outcome. This error does not mean that the work failed.
/// The caller can join or start another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The attempt was dropped without an outcome: it panicked, its runtime has shut down, or
    /// `complete` returned `None`.
    #[error("the task was dropped before it finished")]
    Dropped,
    /// The attempt has not ended within its [limits](TaskLimits), because the runtime that runs the
    /// attempt is not driven.
    #[error("the task did not finish within its limits, because its runtime is not driven")]
    Stalled,
}

#[derive(Debug)]
struct TaskState<T> {
    /// The generation of the last attempt, or 0 before the first attempt.
    generation: u64,
    /// The progress of the last attempt. `None` before the first attempt, or if the last attempt
    /// was abandoned.
    current: Option<watch::Receiver<AttemptProgress<T>>>,
}

#[derive(Debug)]
enum AttemptProgress<T> {
    Running {
        /// The time from which the attempt counts as stalled, or `None` if it never counts as
        /// stalled.
        stalled_at: Option<Instant>,
    },
    Finished(T),
}

impl TaskLimits {
    /// No limits: the work has no deadline, and the attempt never counts as stalled.
    ///
    /// This value is for work that has its own time limit, if the caller detects stalled attempts
    /// with another clock. When the caller detects a stalled attempt, it calls
    /// [`begin`](SharedTask::begin) or [`abandon`](SharedTask::abandon).
    pub const UNLIMITED: Self = Self { deadline: Duration::MAX, grace: Duration::ZERO };

    fn stalled_at(self) -> Option<Instant> {
        Instant::now().checked_add(self.deadline.saturating_add(self.grace))
    }
}

impl<T> SharedTask<T> {
    /// Creates a shared task. No attempt runs until a caller starts one.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Mutex::new(TaskState { generation: 0, current: None }) }
    }

    /// Joins the running attempt. If no attempt is running, or the attempt has stalled, starts
    /// another attempt, which the caller must run. A stalled attempt is abandoned.
    #[must_use]
    pub fn join_or_start(&self, limits: TaskLimits) -> JoinOutcome<T> {
        let mut state = self.lock();
        if let Some(waiter) = state.running() {
            return JoinOutcome::Running(waiter);
        }
        let (attempt, waiter) = state.begin(limits);
        JoinOutcome::Started(attempt, waiter)
    }

    /// Starts an attempt, which the caller must run. If another attempt is running, abandons that
    /// attempt.
    #[must_use]
    pub fn begin(&self, limits: TaskLimits) -> (Attempt<T>, Waiter<T>) {
        self.lock().begin(limits)
    }

    /// Joins the running attempt. If no attempt is running, or the attempt has stalled, spawns
    /// another attempt on `runtime`. The attempt runs `work` and `complete` as described at
    /// [`Attempt::run`].
    pub fn join_or_spawn<W>(
        &self,
        runtime: &Handle,
        limits: TaskLimits,
        work: impl FnOnce() -> W,
        complete: impl FnOnce(Result<W::Output, TaskError>) -> Option<T> + Send + 'static,
    ) -> Waiter<T>
    where
        T: Send + Sync + 'static,
        W: Future<Output: Send> + Send + 'static,
    {
        match self.join_or_start(limits) {
            JoinOutcome::Running(waiter) => waiter,
            JoinOutcome::Started(attempt, waiter) => {
                drop(runtime.spawn(attempt.run(work(), complete)));
                waiter
            }
        }
    }

    /// Returns a waiter for the running attempt. Returns `None` if no attempt is running, or the
    /// attempt has stalled.
    #[must_use]
    pub fn running(&self) -> Option<Waiter<T>> {
        self.lock().running()
    }

    /// Returns whether the attempt with the number `generation` is the latest attempt and was not
    /// abandoned. An attempt that has ended or stalled is current until another attempt starts.
    #[must_use]
    pub fn is_current(&self, generation: u64) -> bool {
        let state = self.lock();
        state.generation == generation && state.current.is_some()
    }

    /// Abandons the attempt with the number `generation`. Has no effect if a later attempt has
    /// started. The next caller starts another attempt. Waiters of the abandoned attempt still
    /// receive its outcome.
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
        // A dropped sender means that the attempt has ended, with or without an outcome.
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
    /// Returns the [generation](Attempt::generation) of the attempt.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl<T: Clone> Waiter<T> {
    /// Waits until the attempt ends, and returns its outcome.
    ///
    /// # Errors
    /// When the attempt ends without an outcome, or has stalled.
    ///
    /// # Panics
    /// When this future waits for an attempt with limits outside of a tokio runtime with time
    /// enabled.
    ///
    /// # Cancel safety
    /// Dropping this future affects neither the attempt nor other waiters.
    pub async fn outcome(mut self) -> Result<T, WaitError> {
        loop {
            // `is_dropped` must be read before the progress: after the sender is dropped, the
            // progress no longer changes.
            let is_dropped = self.progress.has_changed().is_err();
            let stalled_at = match &*self.progress.borrow_and_update() {
                AttemptProgress::Finished(outcome) => return Ok(outcome.clone()),
                AttemptProgress::Running { .. } if is_dropped => return Err(WaitError::Dropped),
                AttemptProgress::Running { stalled_at } => *stalled_at,
            };
            let changed = self.progress.changed();
            match stalled_at {
                None => drop(changed.await),
                Some(stalled_at) => match timeout_at(stalled_at, changed).await {
                    Ok(_finished_or_dropped) => {}
                    Err(_elapsed) => return Err(WaitError::Stalled),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests;
