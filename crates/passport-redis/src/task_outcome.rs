//! Outcomes of the two shared tasks of a store: reading the encryption keys, and connecting.

use passport_core::{TaskError, WaitError};
use passport_outbound::StoreError;

/// Returns the outcome that all callers of a shared task get:
///
/// - the result of the task, if the task completed;
/// - the error that `timed_out` creates, if the task exceeded its deadline;
/// - `None`, if the task panicked or was dropped. The next caller then starts another task.
pub(crate) fn outcome_of<T>(
    result: Result<Result<T, StoreError>, TaskError>,
    timed_out: impl FnOnce(TaskError) -> StoreError,
) -> Option<Result<T, StoreError>> {
    match result {
        Ok(result) => Some(result),
        Err(failure @ TaskError::DeadlineExceeded) => Some(Err(timed_out(failure))),
        Err(TaskError::Panicked | TaskError::Dropped) => None,
    }
}

/// Returns the error for a caller whose shared task ended without an outcome.
pub(crate) fn interrupted<T>(interrupted: WaitError) -> Result<T, StoreError> {
    Err(StoreError::new("the task that connects to Redis or reads the encryption keys ended without a result; the next call starts another")
        .with_source(interrupted))
}

#[cfg(test)]
mod tests;
