//! Tests of the entry without a manager: token fetches that report their result late or never,
//! and tokens that become due for a refresh.

use std::time::{SystemTime, UNIX_EPOCH};

use ::metrics::Counter;
use passport_core::AccessToken;
use tracing::Span;

use super::*;
use crate::{
    test_support::POLICY,
    token::{
        Activity, TokenEntry,
        cache_entry::{FetchResult, FetchStart, FetchTicket},
        cached_token::CachedToken,
        fetch_failure::FetchFailure,
        sync::Attempt,
    },
};

const START: SystemTime = UNIX_EPOCH;

/// Starts a token fetch at the time `START + after`, and returns its parts.
fn started(entry: &TokenEntry, after: Duration) -> (Attempt<FetchResult>, FetchTicket) {
    match entry.begin(START + after, within(10 * SECOND)) {
        FetchStart::Leading(attempt, ticket, _) => (attempt, ticket),
        other => panic!("{other:?}"),
    }
}

fn issued(token: &str, generation: u64) -> CachedToken {
    CachedToken {
        token: AccessToken::new(token, START + HOUR).unwrap(),
        schedule: POLICY.schedule(START, HOUR),
        generation,
        missing_scopes: Arc::new([]),
        hits: Counter::noop(),
    }
}

fn cached(entry: &TokenEntry) -> String {
    entry.snapshot().cached.as_ref().unwrap().token.expose().to_owned()
}

#[test]
fn fetches_after_a_stalled_one_are_detached() {
    let entry = TokenEntry::default();
    let (_stalled, first) = started(&entry, Duration::ZERO);
    let (attempt, second) = started(&entry, 20 * SECOND);
    assert_eq!((first.detached, second.detached), (false, true));
    assert!(entry.succeed(&second, issued("token-2", 2)).is_some());
    drop(attempt);
    assert!(started(&entry, HOUR).1.detached);
}

#[test]
fn late_success_does_not_affect_the_running_fetch() {
    let entry = TokenEntry::default();
    let (_stalled, late) = started(&entry, Duration::ZERO);
    let (_running, ticket) = started(&entry, 20 * SECOND);
    ticket.span.set(Span::none()).unwrap();
    assert!(entry.succeed(&late, issued("token-1", 1)).is_some());
    let joined = entry.begin(START + 20 * SECOND, within(10 * SECOND));
    assert!(matches!(joined, FetchStart::Following(_, Some(_))), "{joined:?}");
    entry.invalidate();
    assert!(ticket.stop.is_cancelled());
}

#[test]
fn invalidated_fetch_is_discarded_after_a_later_success() {
    let entry = TokenEntry::default();
    let (_invalidated, late) = started(&entry, Duration::ZERO);
    entry.invalidate();
    let (_attempt, ticket) = started(&entry, Duration::ZERO);
    assert!(entry.succeed(&ticket, issued("token-2", 2)).is_some());
    assert!(entry.succeed(&late, issued("token-1", 1)).is_none());
}

#[test]
fn invalidated_fetch_no_longer_runs() {
    let entry = TokenEntry::default();
    let _invalidated = started(&entry, Duration::ZERO);
    entry.invalidate();
    assert!(entry.running().is_none());
    assert_eq!(entry.snapshot().activity(START), Activity::Idle);
}

#[test]
fn second_result_of_a_fetch_is_not_cached() {
    let entry = TokenEntry::default();
    let (_attempt, ticket) = started(&entry, Duration::ZERO);
    for token in ["one", "other"] {
        assert!(entry.succeed(&ticket, issued(token, 1)).is_some());
        assert_eq!(cached(&entry), "one");
    }
}

#[test]
fn fetch_is_abandoned_only_after_its_time_limit() {
    let entry = TokenEntry::default();
    let (_silent, _ticket) = started(&entry, Duration::ZERO);
    let waiter = entry.running().unwrap();
    assert!(!entry.abandon(&waiter, START + 9 * SECOND));
    assert!(entry.running().is_some());
    assert!(entry.abandon(&waiter, START + 10 * SECOND));
    assert!(entry.running().is_none());
    assert_eq!(entry.snapshot().activity(START), Activity::Idle);
}

#[test]
fn fetch_after_an_abandoned_one_is_not_abandoned() {
    let entry = TokenEntry::default();
    let (_stalled, _) = started(&entry, Duration::ZERO);
    let waiter = entry.running().unwrap();
    let (_running, ticket) = started(&entry, 20 * SECOND);
    assert!(entry.abandon(&waiter, START + HOUR));
    assert_eq!(entry.running().map(|running| running.generation()), Some(ticket.number));
}

#[test]
fn callers_do_not_wait_for_a_canceled_retry() {
    let entry = TokenEntry::default();
    let (failed, ticket) = started(&entry, Duration::ZERO);
    let error = TokenError::new(&"mi-1".parse().unwrap(), FetchFailure::of(TokenErrorKind::Unavailable));
    assert!(entry.fail(&ticket, error, START, 0.0).is_err());
    drop(failed);
    assert!(entry.snapshot().retry_in(START).is_some());
    let (_canceled, retry) = started(&entry, SECOND);
    entry.cancel(&retry);
    assert_eq!(entry.snapshot().retry_in(START + SECOND), None);
}

#[test]
fn min_ttl_refreshes_a_token_in_its_second_half_only() {
    let entry = TokenEntry::default();
    let (attempt, ticket) = started(&entry, Duration::ZERO);
    assert!(entry.succeed(&ticket, issued("token-1", 1)).is_some());
    drop(attempt);
    // The token is sent until 5 s before its expiry.
    let half = (HOUR - 5 * SECOND) / 2;
    assert!(!entry.refresh_if_shorter(HOUR, START + half - SECOND));
    assert!(entry.refresh_if_shorter(HOUR, START + half));
    started(&entry, half);
    assert_eq!(cached(&entry), "token-1");
}
