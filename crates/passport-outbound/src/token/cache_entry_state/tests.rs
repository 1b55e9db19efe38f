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

/// Returns a pause of `length` that callers wait for.
fn waited_for(length: Duration) -> AttemptWindow {
    let attempt = FailedAttempt { took: Duration::ZERO, left: None, retry_after: Some(length), random: 0.0 };
    let pause = RetryBackoff::default().failed(NOW, attempt);
    assert!(pause.waited_for && pause.until == NOW + length);
    pause
}

#[test]
fn retry_comes_with_the_end_of_the_pause() {
    let long = waited_for(SECOND);
    let running = AttemptWindow::starting(NOW, SECOND);
    let not_waited_for = AttemptWindow { waited_for: false, ..long };
    let failed = || Some(failure());
    for (name, after, pausing, running, last_error, expected) in [
        ("no error", 0, None, None, None, Some(Duration::ZERO)),
        ("an attempt is running", 0, None, Some(running), failed(), Some(Duration::ZERO)),
        ("the attempt has stalled", 1000, None, Some(running), failed(), None),
        ("no pause", 0, None, None, failed(), None),
        ("a pause that is not waited for", 0, Some(not_waited_for), None, failed(), None),
        ("a pause has begun", 0, Some(long), None, failed(), Some(SECOND)),
        ("a pause is under way", 600, Some(long), None, failed(), Some(400 * MILLISECOND)),
        ("a step of the clock is left", 996, Some(long), None, failed(), Some(CLOCK_TICK)),
        ("less than a step is left", 999, Some(long), None, failed(), Some(CLOCK_TICK)),
        ("the pause is over", 1000, Some(long), None, failed(), Some(Duration::ZERO)),
        ("the pause was over before", 5000, Some(long), None, failed(), Some(Duration::ZERO)),
    ] {
        let state = EntryState { cached: None, running, pausing, last_error };
        assert_eq!(state.retry_in(NOW + after * MILLISECOND), expected, "{name}");
    }
}
