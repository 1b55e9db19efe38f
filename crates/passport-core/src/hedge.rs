use std::{future::Future, pin::pin, time::Duration};

use tokio::time::timeout;

/// Runs `first`; when it fails, or has no outcome after `head_start`, runs `second` beside it.
///
/// Returns the first acceptable outcome, or both outcomes if neither is acceptable. `second` is not
/// polled before it is needed.
///
/// # Errors
/// When neither outcome is acceptable: the outcomes of `first` and `second`.
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
    let (first, second) = match timeout(head_start, &mut first).await {
        Ok(outcome) if is_acceptable(&outcome) => return Ok(outcome),
        Ok(outcome) => (outcome, second.await),
        Err(_) => tokio::select! {
            biased;
            outcome = &mut first => {
                if is_acceptable(&outcome) { return Ok(outcome) } else { (outcome, second.await) }
            }
            outcome = &mut second => {
                if is_acceptable(&outcome) { return Ok(outcome) } else { (first.await, outcome) }
            }
        },
    };
    if is_acceptable(&first) {
        Ok(first)
    } else if is_acceptable(&second) {
        Ok(second)
    } else {
        Err((first, second))
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
    async fn second_runs_only_when_first_fails_or_takes_long() {
        let unused = async { unreachable!("the first is good and fast") };
        assert_eq!(run(after(1, Ok("first")), unused).await, (Ok(Ok("first")), 1));
        let fails = after(1, Err("down"));
        assert_eq!(run(fails, after(1, Ok("second"))).await, (Ok(Ok("second")), 2));
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
        let outcome = run(after(1, Err("one")), after(1, Err("two"))).await;
        assert_eq!(outcome, (Err((Err("one"), Err("two"))), 2));
        let outcome = run(after(4, Err("one")), after(1, Err("two"))).await;
        assert_eq!(outcome, (Err((Err("one"), Err("two"))), 4));
    }
}
