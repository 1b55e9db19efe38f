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
mod tests {
    use std::future::pending;

    use tokio::time::{Instant, sleep};

    use super::*;

    type Outcome = Result<&'static str, &'static str>;

    async fn after(seconds: u64, outcome: Outcome) -> Outcome {
        sleep(Duration::from_secs(seconds)).await;
        outcome
    }

    async fn run(
        first: impl Future<Output = Outcome>,
        second: impl Future<Output = Outcome>,
    ) -> (Result<Outcome, (Outcome, Outcome)>, u64) {
        let start = Instant::now();
        let outcome = hedged(Duration::from_secs(2), first, second, Result::is_ok).await;
        (outcome, start.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn second_runs_only_when_first_takes_long() {
        for outcome in [Ok("first"), Err("down")] {
            let unused = async { unreachable!("the first is fast") };
            assert_eq!(run(after(1, outcome), unused).await, (Ok(outcome), 1));
        }
        assert_eq!(run(pending(), after(1, Ok("second"))).await, (Ok(Ok("second")), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_first_is_not_abandoned() {
        assert_eq!(run(after(4, Ok("first")), pending()).await, (Ok(Ok("first")), 4));
        assert_eq!(run(after(5, Ok("first")), after(1, Err("down"))).await, (Ok(Ok("first")), 5));
        assert_eq!(run(after(3, Err("down")), after(4, Ok("second"))).await, (Ok(Ok("second")), 6));
    }

    #[tokio::test(start_paused = true)]
    async fn both_failures_are_returned() {
        let outcome = run(after(4, Err("one")), after(1, Err("two"))).await;
        assert_eq!(outcome, (Err((Err("one"), Err("two"))), 4));
    }
}
