use passport_test_support::logs::Log;

use super::*;

#[tokio::test]
async fn panic_of_a_source_is_an_error_with_backoff() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    source.panic_from_now_on();
    assert_eq!(fetch(&manager).await, Err(TokenErrorKind::Canceled));
    assert_eq!(fetch(&manager).await, Err(TokenErrorKind::Canceled));
    assert_eq!(source.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn failed_refresh_is_retried_after_backoff_unnoticed() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(HOUR - 60 * SECOND);
    source.fail_next(TokenErrorKind::Unavailable);
    for _ in 0..100 {
        assert_eq!(ready(&manager).as_deref(), Some("token-1"));
        settle(&manager).await;
    }
    assert_eq!(source.calls(), 2);
    source.clock.advance(SECOND);
    assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    settle(&manager).await;
    assert_eq!(ready(&manager).as_deref(), Some("token-3"));
}

#[tokio::test(start_paused = true)]
async fn failed_fetch_logs_how_long_the_cached_token_lasts() {
    let log = Log::listen(tracing::Level::WARN);
    let (source, manager) = with_a_token().await;
    source.clock.advance(HOUR - 60 * SECOND);
    source.fail_next(TokenErrorKind::Unavailable);
    assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    settle(&manager).await;
    let refresh = "token fetch failed, using the cached token for another 55 s: Passport is unavailable; ";
    assert_eq!(log.lines_with(refresh).len(), 1);
    source.clock.advance(HOUR);
    source.fail_next(TokenErrorKind::Rejected);
    assert_eq!(fetch(&manager).await, Err(TokenErrorKind::Rejected));
    let fetch = "token fetch failed, no valid token is cached: Passport rejected the token request; ";
    assert_eq!(log.lines_with(fetch).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn callers_fail_fast_during_a_lasting_outage() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    lasting_outage(&source, &manager).await;
    for _ in 0..100 {
        let Credential::Failed(error) = manager.credential() else {
            panic!("expected an error without a wait")
        };
        assert_eq!(error.kind(), TokenErrorKind::Unavailable);
    }
    assert_eq!(source.calls(), 3);
    source.clock.advance(2 * SECOND);
    assert_eq!(fetch(&manager).await.unwrap(), "token-4");
}

#[tokio::test(start_paused = true)]
async fn one_or_two_failures_only_delay_cold_callers() {
    for failures in 1..=2 {
        let source = ScriptedSource::new();
        let manager = manager(&source);
        (0..failures).for_each(|_| source.fail_next(TokenErrorKind::Unavailable));
        let start = Instant::now();
        let callers = futures_util::future::join_all((0..1000).map(|_| fetch(&manager)));
        for token in in_step(&source.clock, callers).await {
            assert_eq!(token.unwrap(), format!("token-{}", failures + 1));
        }
        assert_eq!(source.calls(), failures + 1);
        assert!(start.elapsed() <= Duration::from_millis(1510), "{:?}", start.elapsed());
    }
}

/// The wall clock decides when a backoff ends. When a caller wakes after its wait, the wall
/// clock can still show a time before the end of the backoff.
#[tokio::test(start_paused = true)]
async fn waits_for_a_coarse_clock_do_not_count_as_fetches() {
    for seed in 0..20 {
        fastrand::seed(seed);
        let source = ScriptedSource::new();
        let manager = manager(&source);
        (0..2).for_each(|_| source.fail_next(TokenErrorKind::Unavailable));
        let token = in_steps_of(Duration::from_millis(100), &source.clock, fetch(&manager)).await;
        assert_eq!(token.as_deref(), Ok("token-3"), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn callers_that_arrive_in_the_first_backoff_wait() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    source.fail_next(TokenErrorKind::Unavailable);
    let late = async {
        sleep(Duration::from_millis(6)).await;
        assert!(manager.entry.snapshot().last_error.is_some(), "the fetch has failed by now");
        fetch(&manager).await
    };
    let (early, late) = in_step(&source.clock, futures_util::future::join(fetch(&manager), late)).await;
    assert_eq!((early.unwrap(), late.unwrap()), ("token-2".to_owned(), "token-2".to_owned()));
}

/// A caller that is polled late sees the failure after the retry of other callers has ended.
#[tokio::test(start_paused = true)]
async fn late_caller_gets_the_token_of_a_retry_that_has_ended() {
    for retention in [Retention::Token, Retention::Nothing] {
        let source = ScriptedSource::new();
        let manager = manager_that_retains(&source, retention);
        source.fail_next(TokenErrorKind::Unavailable);
        let mut late = task::spawn(fetch(&manager));
        assert_pending!(late.poll());
        assert!(in_step(&source.clock, fetch(&manager)).await.is_ok());
        assert!(manager.entry.snapshot().last_error.is_none());
        assert!(in_step(&source.clock, late).await.is_ok(), "{retention:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn third_failure_in_a_row_is_an_error() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    let start = Instant::now();
    lasting_outage(&source, &manager).await;
    assert_eq!(source.calls(), 3);
    assert!(start.elapsed() <= Duration::from_millis(1510), "{:?}", start.elapsed());
}

/// Returns the failure of a response with `retry_after`.
fn unavailable_for(retry_after: Duration) -> FetchFailure {
    FetchFailure { retry_after: Some(retry_after), ..FetchFailure::of(TokenErrorKind::Unavailable) }
}

#[tokio::test(start_paused = true)]
async fn cold_callers_wait_for_a_retry_after_of_one_second() {
    for (seconds, waits) in [(1, true), (2, false)] {
        let source = ScriptedSource::new();
        let manager = manager(&source);
        source.fail_next_with(unavailable_for(seconds * SECOND));
        let outcome = in_step(&source.clock, fetch(&manager)).await;
        assert_eq!(outcome.is_ok(), waits, "{seconds}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn callers_wait_for_a_vault_but_not_for_a_bad_secret() {
    use passport_core::{SecretError, SecretErrorKind};
    let secret = |kind| {
        let error = SecretError::new(kind, "vault:erp".parse().unwrap(), "scripted");
        FetchFailure::of(TokenErrorKind::SecretUnavailable).with_source(error)
    };
    for (failure, waits) in [
        (secret(SecretErrorKind::Unavailable), true),
        (secret(SecretErrorKind::NotFound), false),
        (FetchFailure::of(TokenErrorKind::Rejected), false),
        (FetchFailure::of(TokenErrorKind::InvalidResponse), false),
    ] {
        let source = ScriptedSource::new();
        let manager = manager(&source);
        source.fail_next_with(failure);
        let outcome = in_step(&source.clock, fetch(&manager)).await;
        assert_eq!(outcome.is_ok(), waits, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn caller_does_not_wait_for_two_slow_fetches() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    source.hold();
    let start = Instant::now();
    let outcome = in_step(&source.clock, fetch(&manager)).await;
    assert_eq!(outcome, Err(TokenErrorKind::Unavailable));
    assert!(start.elapsed() <= 11 * SECOND, "{:?}", start.elapsed());
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn rejected_client_makes_one_fetch_in_10_s() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    for period in 1..=5 {
        source.fail_next(TokenErrorKind::Rejected);
        assert_eq!(fetch(&manager).await, Err(TokenErrorKind::Rejected));
        source.clock.advance(10 * SECOND - Duration::from_millis(1));
        assert_eq!(fetch(&manager).await, Err(TokenErrorKind::Rejected));
        assert_eq!(source.calls(), period);
        source.clock.advance(5 * SECOND);
    }
    assert_eq!(fetch(&manager).await.unwrap(), "token-6", "it recovers without a restart");
}

#[tokio::test(start_paused = true)]
async fn retry_after_of_passport_is_respected() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    source.fail_next_with(unavailable_for(120 * SECOND));
    assert_eq!(fetch(&manager).await, Err(TokenErrorKind::Unavailable));
    source.clock.advance(119 * SECOND);
    assert_eq!(fetch(&manager).await, Err(TokenErrorKind::Unavailable));
    assert_eq!(source.calls(), 1);
    source.clock.advance(SECOND);
    assert_eq!(fetch(&manager).await.unwrap(), "token-2");
}

/// Returns the number of token fetches in an outage of five minutes, with a call each 10 ms.
async fn attempts_of_an_outage(source: &ScriptedSource, manager: &Arc<TokenManager>) -> usize {
    let (before, outage, step) = (source.calls(), 300 * SECOND, Duration::from_millis(10));
    for _ in 0..outage.as_millis() / step.as_millis() {
        source.fail_next(TokenErrorKind::Unavailable);
        assert_eq!(fetch(manager).await, Err(TokenErrorKind::Unavailable));
        source.clock.advance(step);
    }
    source.calls() - before
}

#[tokio::test(start_paused = true)]
async fn outage_costs_a_bounded_number_of_fetches() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    lasting_outage(&source, &manager).await;
    // With minimum backoff, one token fetch each 0.8 s; on average, one each 4.4 s.
    let attempts = attempts_of_an_outage(&source, &manager).await;
    assert!((37..=377).contains(&attempts), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn recovery_takes_one_backoff_step() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    for _ in 0..20 {
        source.fail_next(TokenErrorKind::Unavailable);
        assert_eq!(fetch(&manager).await, Err(TokenErrorKind::Unavailable));
        pass_the_backoff(&source.clock);
    }
    assert_eq!(fetch(&manager).await.unwrap(), "token-21");
    assert!(manager.entry.snapshot().last_error.is_none());
}

#[tokio::test(start_paused = true)]
async fn success_resets_the_backoff() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    for _ in 0..10 {
        source.fail_next(TokenErrorKind::Unavailable);
        fetch(&manager).await.unwrap_err();
        pass_the_backoff(&source.clock);
    }
    fetch(&manager).await.unwrap();
    source.clock.advance(HOUR);
    source.fail_next(TokenErrorKind::Unavailable);
    fetch(&manager).await.unwrap_err();
    source.clock.advance(SECOND / 2);
    assert!(fetch(&manager).await.is_ok(), "the first backoff is half a second at most");
}

#[tokio::test]
async fn dropped_fetch_is_replaced_by_the_next() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    drop(manager.entry.begin(source.clock.now(), within(HOUR)));
    let mut caller = task::spawn(fetch(&manager));
    assert_pending!(caller.poll());
    tokio::task::yield_now().await;
    assert_eq!(caller.await.unwrap(), "token-1");
}

#[tokio::test]
async fn fetch_on_a_stalled_runtime_is_abandoned() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    let stalled = manager.entry.begin(source.clock.now(), within(SECOND));
    source.clock.advance(SECOND);
    assert_eq!(fetch(&manager).await.unwrap(), "token-1");
    assert_eq!(source.calls(), 1);
    drop(stalled);
}

#[tokio::test(start_paused = true)]
async fn callers_of_an_abandoned_fetch_start_one_on_another_runtime() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    let stalled = manager.entry.begin(source.clock.now(), within(SECOND));
    source.clock.advance(SECOND);
    let FetchStart::Leading(_attempt, ticket, waiter) = stalled else { panic!("the entry is empty") };
    assert!(!ticket.detached);
    let waiting = (0..10).map(|_| manager.wait_for(PendingFetch::Running(waiter.clone(), None)));
    assert!(futures_util::future::join_all(waiting).await.iter().all(Option::is_none));
    let next = manager.entry.begin(source.clock.now(), within(SECOND));
    let FetchStart::Leading(_, next, _) = next else { panic!("the stalled one was abandoned") };
    assert!(next.detached);
}

/// The token fetch has published its result, but its task has not ended yet.
#[tokio::test]
async fn fetch_that_has_reported_is_not_stalled() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    let begun = manager.entry.begin(source.clock.now(), within(SECOND));
    let FetchStart::Leading(_attempt, ticket, _) = begun else { panic!("the entry is empty") };
    manager.entry.cancel(&ticket);
    let next = manager.entry.begin(source.clock.now(), within(SECOND));
    let FetchStart::Leading(_, next, _) = next else { panic!("the first one has reported") };
    assert!(!next.detached);
}

/// Two identities share an entry. The identity that started the fetch has the longer time limit.
#[tokio::test(start_paused = true)]
async fn fetch_with_a_longer_limit_is_not_abandoned() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    let slow = manager.entry.begin(source.clock.now(), within(HOUR));
    assert_eq!(fetch(&manager).await, Err(TokenErrorKind::Canceled));
    assert_eq!(source.calls(), 0);
    drop(slow);
}

#[tokio::test(start_paused = true)]
async fn hanging_source_delays_a_caller_by_the_timeout_at_most() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    source.hold();
    let start = Instant::now();
    assert_eq!(fetch(&manager).await, Err(TokenErrorKind::Unavailable));
    assert!(start.elapsed() <= 11 * SECOND, "{:?}", start.elapsed());
}
