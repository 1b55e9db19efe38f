//! Outcomes of the two shared tasks of a store: reading the encryption keys, and connecting.

use passport_core::{TaskError, WaitError};
use passport_outbound::StoreError;

/// Returns the outcome of a shared task for all its callers. `timed_out` creates the error of a
/// task that exceeded its deadline. Returns `None` if the task panicked or was dropped: the next
/// caller then starts another.
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

/// Returns the error for a caller that waited for a shared task that ended without an outcome.
pub(crate) fn interrupted<T>(interrupted: WaitError) -> Result<T, StoreError> {
    Err(StoreError::new("the task that connects to Redis or reads the encryption keys ended without a result; the next call starts another")
        .with_source(interrupted))
}

#[cfg(test)]
mod tests;
