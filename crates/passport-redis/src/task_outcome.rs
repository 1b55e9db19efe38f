//! Outcomes of shared tasks: a read of the keys, or a connection.

use passport_core::{Interrupted, TaskFailure};
use passport_outbound::StoreError;

/// Returns what all callers of a shared task get, if its work has ended; `late` is the error of
/// work that took too long.
pub(crate) fn outcome_of<T>(
    result: Result<Result<T, StoreError>, TaskFailure>,
    late: &'static str,
) -> Option<Result<T, StoreError>> {
    match result {
        Ok(result) => Some(result),
        Err(failure @ TaskFailure::DeadlineExceeded) => Some(Err(StoreError::new(late).with_source(failure))),
        Err(TaskFailure::Panicked | TaskFailure::Dropped) => None,
    }
}

/// Returns the error of a caller whose shared task had no outcome.
pub(crate) fn interrupted<T>(interrupted: Interrupted) -> Result<T, StoreError> {
    Err(StoreError::new("the task that reads or connects has no outcome").with_source(interrupted))
}

#[cfg(test)]
mod tests;
