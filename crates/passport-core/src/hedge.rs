use std::{future::Future, pin::pin, time::Duration};

use tokio::time::timeout;

/// Runs `first`. If `first` is not ready after `head_start`, also runs `second`, concurrently (a
/// hedged request).
///
/// - If `first` is ready within `head_start`, returns its output, without calling
///   `is_acceptable` and without polling `second`.
/// - Otherwise returns the output of the future that is ready first, if `is_acceptable` returns
///   true for this output. If it returns false, waits for the other future, and returns the
///   output of that future if it is acceptable.
///
/// # Errors
/// The outputs of `first` and `second`, if both futures have run and neither output is
/// acceptable.
///
/// # Cancel safety
/// Dropping this future drops both futures.
pub async fn hedged<T>(
    head_start: Duration,
    first: impl Future<Output = T>,
    second: impl Future<Output = T>,
    is_acceptable: impl Fn(&T) -> bool,
) -> Result<T, (T, T)> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    if let Ok(outcome) = timeout(head_start, &mut first).await {
        return Ok(outcome);
    }
    tokio::select! {
        biased;
        first = &mut first => {
            if is_acceptable(&first) { return Ok(first) }
            let second = second.await;
            if is_acceptable(&second) { Ok(second) } else { Err((first, second)) }
        }
        second = &mut second => {
            if is_acceptable(&second) { return Ok(second) }
            let first = first.await;
            if is_acceptable(&first) { Ok(first) } else { Err((first, second)) }
        }
    }
}

#[cfg(test)]
mod tests;
