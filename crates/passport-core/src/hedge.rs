use std::{future::Future, pin::pin, time::Duration};

use tokio::time::timeout;

/// Runs `first`; when it has no outcome after `head_start`, runs `second` beside it.
///
/// Returns the outcome of `first` if it comes within `head_start`, else the first acceptable
/// outcome of the two. `second` is not polled before it is needed.
///
/// # Errors
/// When both have run and neither outcome is acceptable: the outcomes of `first` and `second`.
///
/// # Cancel safety
/// Dropping this future drops both.
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
