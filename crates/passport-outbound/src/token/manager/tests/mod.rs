use std::time::Duration;

use passport_core::{Clock, ManualClock};
use tokio_test::{assert_pending, task};

use super::*;
use crate::{
    test_support::{ScriptedSource, identity, manager, manager_that_retains, manager_with_entry},
    token::Retention,
};

mod callers;
mod entry;
mod failures;
mod life;
mod metrics;
mod recovery;
mod refresh;
mod rejection;
mod strategies;

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

fn text(token: &SendableToken) -> String {
    token.authorization.to_str().unwrap().replace("Bearer ", "")
}

/// Returns the cached token. `None` if a call would wait or fail.
fn ready(manager: &Arc<TokenManager>) -> Option<String> {
    match manager.credential() {
        Credential::Ready(token) => Some(text(&token)),
        Credential::Pending(_) | Credential::Failed(_) => None,
    }
}

async fn fetch(manager: &Arc<TokenManager>) -> Result<String, TokenErrorKind> {
    manager.token().await.map(|token| token.expose().to_owned()).map_err(|error| error.kind())
}

/// Returns a manager with `token-1` in its entry.
async fn with_a_token() -> (Arc<ScriptedSource>, Arc<TokenManager>) {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    assert_eq!(fetch(&manager).await.unwrap(), "token-1");
    (source, manager)
}

/// Runs `work` while the wall clock advances together with tokio's paused clock.
async fn in_step<T>(clock: &ManualClock, work: impl Future<Output = T>) -> T {
    in_steps_of(Duration::from_millis(5), clock, work).await
}

/// Runs `work` while the wall clock follows tokio's paused clock in steps of `step`.
async fn in_steps_of<T>(step: Duration, clock: &ManualClock, work: impl Future<Output = T>) -> T {
    let advancing = async {
        loop {
            sleep(step).await;
            clock.advance(step);
        }
    };
    tokio::select! {
        result = work => result,
        () = advancing => unreachable!("time does not end"),
    }
}

/// Makes three consecutive token fetches fail, after which callers no longer wait for retries.
async fn lasting_outage(source: &ScriptedSource, manager: &Arc<TokenManager>) {
    for _ in 0..3 {
        source.fail_next(TokenErrorKind::Unavailable);
    }
    assert_eq!(in_step(&source.clock, fetch(manager)).await, Err(TokenErrorKind::Unavailable));
}

/// Waits until the background token fetch has ended, if one is running.
async fn settle(manager: &Arc<TokenManager>) {
    if let Some(waiter) = manager.entry.running() {
        let _ = waiter.outcome().await;
    }
}

/// Sets the clock to a time after the backoff of a transient failure, which is 30 s at most.
fn pass_the_backoff(clock: &ManualClock) {
    clock.advance(30 * SECOND);
}

/// Returns the time limits after which a token fetch is abandoned.
fn within(deadline: Duration) -> TaskLimits {
    TaskLimits { deadline, grace: Duration::ZERO }
}

fn generation(manager: &Arc<TokenManager>) -> u64 {
    manager.entry.snapshot().cached.as_ref().unwrap().generation
}
