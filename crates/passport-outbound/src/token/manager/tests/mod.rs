use std::time::Duration;

use passport_core::{Clock, ManualClock};
use tokio_test::{assert_pending, task};

use super::*;
use crate::{
    test_support::{ScriptedSource, engine, engine_that_keeps, engine_with_slot, identity},
    token::Keeping,
};

mod callers;
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

/// The token that would be sent now, if one would.
fn ready(engine: &Arc<Engine>) -> Option<String> {
    match engine.credential() {
        Credential::Ready(token) => Some(text(&token)),
        Credential::Pending(_) | Credential::Failed(_) => None,
    }
}

async fn fetch(engine: &Arc<Engine>) -> Result<String, TokenErrorKind> {
    engine.token().await.map(|token| token.expose().to_owned()).map_err(|error| error.kind())
}

/// An engine that holds `token-1`.
async fn with_a_token() -> (Arc<ScriptedSource>, Arc<Engine>) {
    let source = ScriptedSource::new();
    let engine = engine(&source);
    assert_eq!(fetch(&engine).await.unwrap(), "token-1");
    (source, engine)
}

/// Runs `work` while the wall clock and tokio's paused clock go on together.
async fn in_step<T>(clock: &ManualClock, work: impl Future<Output = T>) -> T {
    let step = Duration::from_millis(5);
    let passing = async {
        loop {
            sleep(step).await;
            clock.advance(step);
        }
    };
    tokio::select! {
        outcome = work => outcome,
        () = passing => unreachable!("time does not end"),
    }
}

/// Lets three attempts in a row fail, after which callers no longer wait for retries.
async fn lasting_outage(source: &ScriptedSource, engine: &Arc<Engine>) {
    for _ in 0..3 {
        source.fail_next(TokenErrorKind::Unavailable);
    }
    assert_eq!(in_step(&source.clock, fetch(engine)).await, Err(TokenErrorKind::Unavailable));
}

/// Waits for the attempt that runs in the background, if one does.
async fn settle(engine: &Arc<Engine>) {
    if let Some(flight) = engine.slot.running() {
        flight.outcome().await;
    }
}

/// Moves the clock past whatever pause there is: the longest of a transient failure is 30 s.
fn pass_the_backoff(clock: &ManualClock) {
    clock.advance(30 * SECOND);
}

fn generation(engine: &Arc<Engine>) -> u64 {
    engine.slot.snapshot().kept.as_ref().unwrap().generation
}
