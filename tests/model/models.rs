//! In each model, two or three threads use an entry as a token manager does (`call`). In every
//! order, the assertions after the joins hold. Nothing is awaited: once all threads have ended,
//! an outcome is either available or never arrives.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::FutureExt;
use loom::thread;
use metrics::Counter;
use passport_core::AccessToken;

use crate::{
    action::TokenAction,
    cache_entry::{FetchStart, FetchTicket, RejectionEffect, TokenEntry},
    cached_token::CachedToken,
    error::{TokenError, TokenErrorKind},
    fetch_failure::FetchFailure,
    schedule::{DEFAULT_THRESHOLD, Phase, RefreshSettings},
    sync::{Attempt, TaskLimits, Waiter},
};

pub(crate) const ALL: [(&str, fn()); 7] = [
    ("callers_of_an_empty_entry_share_one_attempt", callers_of_an_empty_entry_share_one_attempt),
    ("callers_of_a_failed_attempt_share_its_error", callers_of_a_failed_attempt_share_its_error),
    ("dropped_attempt_is_replaced_by_one", dropped_attempt_is_replaced_by_one),
    ("rejected_token_is_replaced_once", rejected_token_is_replaced_once),
    ("rejecting_an_old_token_leaves_the_new_one", rejecting_an_old_token_leaves_the_new_one),
    ("invalidated_token_does_not_come_back", invalidated_token_does_not_come_back),
    ("abandoned_attempt_does_not_undo_the_next", abandoned_attempt_does_not_undo_the_next),
];

type FetchResult = Result<Arc<CachedToken>, TokenError>;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_750_000_000 + seconds)
}

const LIMITS: TaskLimits = TaskLimits { deadline: Duration::from_secs(11), grace: Duration::ZERO };

/// Returns the token of this generation, issued at `now`.
fn cached(generation: u64, now: u64) -> CachedToken {
    let life = Duration::from_secs(3600);
    let policy = RefreshSettings { threshold: DEFAULT_THRESHOLD, jitter: 0.0 };
    CachedToken {
        token: AccessToken::new(&format!("token-{generation}"), at(now) + life).unwrap(),
        schedule: policy.schedule(at(now), life),
        generation,
        missing_scopes: Arc::new([]),
        hits: Counter::noop(),
    }
}

fn error(kind: TokenErrorKind) -> TokenError {
    TokenError::new(&"mi-1".parse().unwrap(), FetchFailure::of(kind))
}

/// The state of a caller: a result, or a waiter for the result of a running attempt.
enum Held {
    FetchResult(FetchResult),
    Waiting(Waiter<FetchResult>),
}

impl Held {
    /// Returns the result. No caller is waiting once all threads have ended.
    fn outcome(self) -> Option<FetchResult> {
        match self {
            Self::FetchResult(outcome) => Some(outcome),
            Self::Waiting(waiter) => waiter.outcome().now_or_never().expect("no caller is left waiting").ok(),
        }
    }
}

/// Runs a caller: joins an attempt, or runs one.
fn call(entry: &TokenEntry, now: u64, run: impl FnOnce(FetchTicket) -> Option<FetchResult>) -> Held {
    match entry.begin(at(now), LIMITS) {
        FetchStart::Settled(outcome) => Held::FetchResult(outcome),
        FetchStart::Following(waiter, _) => Held::Waiting(waiter),
        FetchStart::Leading(attempt, ticket, waiter) => {
            complete(attempt, run(ticket));
            Held::Waiting(waiter)
        }
    }
}

/// Ends the attempt as its task does: after the entry has stored the result.
fn complete(attempt: Attempt<FetchResult>, result: Option<FetchResult>) {
    if let Some(result) = result {
        attempt.finish(result);
    }
}

fn succeed(entry: &TokenEntry, ticket: &FetchTicket, now: u64) -> Option<FetchResult> {
    entry.succeed(ticket, cached(ticket.number, now))
}

/// Returns an entry with the token of generation 1, issued at 0.
fn with_a_token() -> Arc<TokenEntry> {
    let entry = Arc::new(TokenEntry::default());
    call(&entry, 0, |ticket| succeed(&entry, &ticket, 0));
    entry
}

/// Runs `role` on this thread and on two more, and collects the results.
pub(crate) fn three<T: 'static>(role: impl Fn() -> T + Clone + 'static) -> Vec<T> {
    let others = [thread::spawn(role.clone()), thread::spawn(role.clone())];
    let mine = role();
    others.into_iter().map(|other| other.join().unwrap()).chain([mine]).collect()
}

fn callers_of_an_empty_entry_share_one_attempt() {
    let (entry, attempts) = (Arc::new(TokenEntry::default()), Arc::new(AtomicUsize::new(0)));
    let held = three({
        let (entry, attempts) = (Arc::clone(&entry), Arc::clone(&attempts));
        move || {
            call(&entry, 0, |ticket| {
                attempts.fetch_add(1, Ordering::SeqCst);
                succeed(&entry, &ticket, 0)
            })
        }
    });
    for held in held {
        assert_eq!(held.outcome().unwrap().unwrap().generation, 1);
    }
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
}

fn callers_of_a_failed_attempt_share_its_error() {
    let (entry, attempts) = (Arc::new(TokenEntry::default()), Arc::new(AtomicUsize::new(0)));
    let held = three({
        let (entry, attempts) = (Arc::clone(&entry), Arc::clone(&attempts));
        move || {
            call(&entry, 0, |ticket| {
                attempts.fetch_add(1, Ordering::SeqCst);
                Some(entry.fail(&ticket, error(TokenErrorKind::Rejected), at(0), 0.0))
            })
        }
    });
    for held in held {
        assert_eq!(held.outcome().unwrap().unwrap_err().kind(), TokenErrorKind::Rejected);
    }
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    assert_eq!(entry.snapshot().action(at(0)), TokenAction::ReturnError);
}

fn dropped_attempt_is_replaced_by_one() {
    let (entry, attempts) = (Arc::new(TokenEntry::default()), Arc::new(AtomicUsize::new(0)));
    let run = {
        let (entry, attempts) = (Arc::clone(&entry), Arc::clone(&attempts));
        move |ticket: FetchTicket| match attempts.fetch_add(1, Ordering::SeqCst) {
            0 => {
                entry.dropped(&ticket);
                None
            }
            _ => succeed(&entry, &ticket, 0),
        }
    };
    let held = three({
        let entry = Arc::clone(&entry);
        move || {
            // The caller that ran the dropped attempt notices immediately, and calls again like the
            // waiters.
            let held = call(&entry, 0, run.clone());
            let lost = matches!(&held, Held::Waiting(waiter) if matches!(waiter.clone().outcome().now_or_never(), Some(Err(_))));
            if lost { call(&entry, 0, run.clone()) } else { held }
        }
    });
    for held in held {
        // A caller may still wait for the dropped attempt; its next call returns the token.
        let outcome = held
            .outcome()
            .unwrap_or_else(|| call(&entry, 0, |_| panic!("there is a token")).outcome().unwrap());
        assert_eq!(outcome.unwrap().generation, 2);
    }
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
}

fn rejected_token_is_replaced_once() {
    let (entry, attempts) = (with_a_token(), Arc::new(AtomicUsize::new(0)));
    let held = three({
        let (entry, attempts) = (Arc::clone(&entry), Arc::clone(&attempts));
        move || match entry.reject(1, at(60)) {
            RejectionEffect::AlreadyReplaced => None,
            RejectionEffect::TooYoung | RejectionEffect::NotCached => panic!("it is cached, and old enough"),
            RejectionEffect::ReplacementDue => Some(call(&entry, 60, |ticket| {
                attempts.fetch_add(1, Ordering::SeqCst);
                succeed(&entry, &ticket, 60)
            })),
        }
    });
    for held in held.into_iter().flatten() {
        assert_eq!(held.outcome().unwrap().unwrap().generation, 2);
    }
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    assert_eq!(entry.snapshot().cached.as_ref().unwrap().schedule.phase(at(60)), Phase::Fresh);
}

fn rejecting_an_old_token_leaves_the_new_one() {
    let entry = with_a_token();
    let refresher = thread::spawn({
        let entry = Arc::clone(&entry);
        move || drop(call(&entry, 3550, |ticket| succeed(&entry, &ticket, 3550)))
    });
    let receiver = thread::spawn({
        let entry = Arc::clone(&entry);
        move || entry.reject(1, at(3550))
    });
    refresher.join().unwrap();
    receiver.join().unwrap();
    let snapshot = entry.snapshot();
    let cached = snapshot.cached.as_ref().unwrap();
    assert_eq!((cached.generation, cached.schedule.phase(at(3550))), (2, Phase::Fresh));
}

/// Counts the orders in which the fetch was in flight. It counts across all orders, so it is not
/// an atomic of loom's.
static INVALIDATED_IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);

fn invalidated_token_does_not_come_back() {
    let (entry, begun) = (Arc::new(TokenEntry::default()), Arc::new(AtomicUsize::new(0)));
    let caller = thread::spawn({
        let (entry, begun) = (Arc::clone(&entry), Arc::clone(&begun));
        move || {
            call(&entry, 0, |ticket| {
                begun.store(1, Ordering::SeqCst);
                thread::yield_now();
                succeed(&entry, &ticket, 0)
            })
        }
    });
    thread::yield_now();
    let began_before = begun.load(Ordering::SeqCst) == 1;
    entry.invalidate();
    let outcome = caller.join().unwrap().outcome();
    let snapshot = entry.snapshot();
    if began_before {
        INVALIDATED_IN_FLIGHT.fetch_add(1, Ordering::SeqCst);
        assert!(snapshot.cached.is_none());
        assert_eq!(snapshot.action(at(0)), TokenAction::Fetch);
    }
    // Callers that waited for the discarded attempt call again.
    assert!(outcome.is_none_or(|outcome| outcome.is_ok()));
}

/// Asserts that some orders had a fetch in flight. Otherwise the model above would prove
/// nothing.
pub(crate) fn assert_that_a_fetch_was_invalidated_in_flight() {
    assert!(INVALIDATED_IN_FLIGHT.load(Ordering::SeqCst) > 0);
}

fn abandoned_attempt_does_not_undo_the_next() {
    let entry = Arc::new(TokenEntry::default());
    let FetchStart::Leading(attempt, silent, waiter) = entry.begin(at(0), LIMITS) else {
        panic!("the entry is empty")
    };
    let late = thread::spawn({
        let entry = Arc::clone(&entry);
        move || complete(attempt, succeed(&entry, &silent, 0))
    });
    let next = thread::spawn({
        let entry = Arc::clone(&entry);
        move || {
            entry.abandon(&waiter, at(60));
            call(&entry, 60, |ticket| succeed(&entry, &ticket, 60)).outcome()
        }
    });
    late.join().unwrap();
    let outcome = next.join().unwrap().unwrap().unwrap();
    let snapshot = entry.snapshot();
    assert_eq!(
        snapshot.cached.as_ref().unwrap().generation,
        outcome.generation,
        "the cached token is the last one"
    );
    assert_eq!(snapshot.action(at(60)), TokenAction::Send);
}
