//! Outcomes of shared tasks, which read the encryption keys or connect.

use passport_core::{TaskError, WaitError};
use passport_outbound::StoreError;

/// Returns the outcome for all callers of a shared task. `timed_out` creates the error for a
/// task that exceeded its deadline. Returns `None` if the task panicked or was dropped, so that
/// a caller starts another.
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

/// Returns the error for a caller of a shared task that ended without an outcome.
pub(crate) fn interrupted<T>(interrupted: WaitError) -> Result<T, StoreError> {
    Err(StoreError::new("the background task ended without a result; the next call starts another")
        .with_source(interrupted))
}

#[cfg(test)]
mod tests;
