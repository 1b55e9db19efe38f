use std::time::UNIX_EPOCH;

use passport_core::ClientId;

use super::{
    super::{
        error::TokenErrorKind,
        fetch_failure::FetchFailure,
        retry_backoff::{FailedAttempt, RetryBackoff},
    },
    *,
};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const NOW: SystemTime = UNIX_EPOCH;

fn failure() -> TokenError {
    let client_id: ClientId = "mi-1".parse().unwrap();
    TokenError::new(&client_id, FetchFailure::of(TokenErrorKind::Unavailable))
}

/// Returns a backoff of `length` that callers wait for.
fn awaited_backoff(length: Duration) -> AttemptWindow {
    let attempt = FailedAttempt { took: Duration::ZERO, left: None, retry_after: Some(length), random: 0.0 };
    let backoff = RetryBackoff::default().failed(NOW, attempt);
    assert!(backoff.callers_wait && backoff.until == NOW + length);
    backoff
}

#[test]
fn caller_retries_at_the_end_of_the_backoff() {
    let long = awaited_backoff(SECOND);
    let running = AttemptWindow::starting(NOW, SECOND);
    let not_awaited = AttemptWindow { callers_wait: false, ..long };
    let failed = || Some(failure());
    for (name, after, backoff, running, last_error, expected) in [
        ("no error", 0, None, None, None, Some(Duration::ZERO)),
        ("a fetch is running", 0, None, Some(running), failed(), Some(Duration::ZERO)),
        ("the fetch has stalled", 1000, None, Some(running), failed(), None),
        ("no backoff", 0, None, None, failed(), None),
        ("a backoff that callers do not wait for", 0, Some(not_awaited), None, failed(), None),
        ("a backoff has begun", 0, Some(long), None, failed(), Some(SECOND)),
        ("during a backoff", 600, Some(long), None, failed(), Some(400 * MILLISECOND)),
        ("one clock tick is left", 996, Some(long), None, failed(), Some(CLOCK_TICK)),
        ("less than one clock tick is left", 999, Some(long), None, failed(), Some(CLOCK_TICK)),
        ("the backoff ends now", 1000, Some(long), None, failed(), Some(Duration::ZERO)),
        ("the backoff ended before", 5000, Some(long), None, failed(), Some(Duration::ZERO)),
    ] {
        let state = EntryState { cached: None, running, backoff, last_error };
        assert_eq!(state.retry_in(NOW + after * MILLISECOND), expected, "{name}");
    }
}
