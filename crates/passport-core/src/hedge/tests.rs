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
async fn second_runs_only_if_the_first_is_slow() {
    for outcome in [Ok("first"), Err("down")] {
        let unused = async { unreachable!("the first is fast") };
        assert_eq!(run(after(1, outcome), unused).await, (Ok(outcome), 1));
    }
    assert_eq!(run(pending(), after(1, Ok("second"))).await, (Ok(Ok("second")), 3));
}

#[tokio::test(start_paused = true)]
async fn slow_first_keeps_running_beside_the_second() {
    assert_eq!(run(after(4, Ok("first")), pending()).await, (Ok(Ok("first")), 4));
    assert_eq!(run(after(5, Ok("first")), after(1, Err("down"))).await, (Ok(Ok("first")), 5));
    assert_eq!(run(after(3, Err("down")), after(4, Ok("second"))).await, (Ok(Ok("second")), 6));
}

#[tokio::test(start_paused = true)]
async fn both_failures_are_returned() {
    let outcome = run(after(4, Err("one")), after(1, Err("two"))).await;
    assert_eq!(outcome, (Err((Err("one"), Err("two"))), 4));
}
