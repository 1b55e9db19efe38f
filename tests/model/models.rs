//! Models of concurrent access to a token entry.
//!
//! In each model, two or three threads use an entry as a token manager does (`call`). The
//! assertions after the joins hold in every interleaving. The models do not await: when all
//! threads have ended, each result is available or will never be.

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
    ("rejection_of_an_old_token_keeps_the_new_one", rejection_of_an_old_token_keeps_the_new_one),
    ("invalidated_token_is_not_cached_again", invalidated_token_is_not_cached_again),
    ("abandoned_attempt_does_not_overwrite_the_next", abandoned_attempt_does_not_overwrite_the_next),
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

/// The state of a caller: it has a result, or waits for an attempt.
enum CallState {
    Ended(FetchResult),
    Waiting(Waiter<FetchResult>),
}

impl CallState {
    /// Returns the result. When all threads have ended, no caller is waiting.
    fn result(self) -> Option<FetchResult> {
        match self {
            Self::Ended(result) => Some(result),
            Self::Waiting(waiter) => waiter.outcome().now_or_never().expect("no caller is left waiting").ok(),
        }
    }
}

/// Runs a caller: joins an attempt, or runs one.
fn call(entry: &TokenEntry, now: u64, run: impl FnOnce(FetchTicket) -> Option<FetchResult>) -> CallState {
    match entry.begin(at(now), LIMITS) {
        FetchStart::Settled(result) => CallState::Ended(result),
        FetchStart::Following(waiter, _) => CallState::Waiting(waiter),
        FetchStart::Leading(attempt, ticket, waiter) => {
            complete(attempt, run(ticket));
            CallState::Waiting(waiter)
        }
    }
}

/// Ends the attempt as its task does: after the entry has the result.
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

/// Runs `role` on three threads, this one included, and returns their results.
pub(crate) fn three<T: 'static>(role: impl Fn() -> T + Clone + 'static) -> Vec<T> {
    let others = [thread::spawn(role.clone()), thread::spawn(role.clone())];
    let mine = role();
    others.into_iter().map(|other| other.join().unwrap()).chain([mine]).collect()
}

fn callers_of_an_empty_entry_share_one_attempt() {
    let (entry, attempts) = (Arc::new(TokenEntry::default()), Arc::new(AtomicUsize::new(0)));
    let states = three({
        let (entry, attempts) = (Arc::clone(&entry), Arc::clone(&attempts));
        move || {
            call(&entry, 0, |ticket| {
                attempts.fetch_add(1, Ordering::SeqCst);
                succeed(&entry, &ticket, 0)
            })
        }
    });
    for state in states {
        assert_eq!(state.result().unwrap().unwrap().generation, 1);
    }
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
}

fn callers_of_a_failed_attempt_share_its_error() {
    let (entry, attempts) = (Arc::new(TokenEntry::default()), Arc::new(AtomicUsize::new(0)));
    let states = three({
        let (entry, attempts) = (Arc::clone(&entry), Arc::clone(&attempts));
        move || {
            call(&entry, 0, |ticket| {
                attempts.fetch_add(1, Ordering::SeqCst);
                Some(entry.fail(&ticket, error(TokenErrorKind::Rejected), at(0), 0.0))
            })
        }
    });
    for state in states {
        assert_eq!(state.result().unwrap().unwrap_err().kind(), TokenErrorKind::Rejected);
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
    let states = three({
        let entry = Arc::clone(&entry);
        move || {
            // A caller of the dropped attempt calls again.
            let state = call(&entry, 0, run.clone());
            let dropped = matches!(&state, CallState::Waiting(waiter) if matches!(waiter.clone().outcome().now_or_never(), Some(Err(_))));
            if dropped { call(&entry, 0, run.clone()) } else { state }
        }
    });
    for state in states {
        // A caller may still wait for the dropped attempt; its next call gets the token.
        let result = state
            .result()
            .unwrap_or_else(|| call(&entry, 0, |_| panic!("there is a token")).result().unwrap());
        assert_eq!(result.unwrap().generation, 2);
    }
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
}

fn rejected_token_is_replaced_once() {
    let (entry, attempts) = (with_a_token(), Arc::new(AtomicUsize::new(0)));
    let states = three({
        let (entry, attempts) = (Arc::clone(&entry), Arc::clone(&attempts));
        move || match entry.reject(1, at(60)) {
            RejectionEffect::AlreadyReplaced => None,
            RejectionEffect::TooYoung | RejectionEffect::NotCached => {
                panic!("the token is cached and old enough")
            }
            RejectionEffect::ReplacementDue => Some(call(&entry, 60, |ticket| {
                attempts.fetch_add(1, Ordering::SeqCst);
                succeed(&entry, &ticket, 60)
            })),
        }
    });
    for state in states.into_iter().flatten() {
        assert_eq!(state.result().unwrap().unwrap().generation, 2);
    }
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    assert_eq!(entry.snapshot().cached.as_ref().unwrap().schedule.phase(at(60)), Phase::Fresh);
}

fn rejection_of_an_old_token_keeps_the_new_one() {
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

/// The number of interleavings in which the attempt was running when the token was invalidated.
/// Not an atomic of loom, because it counts across interleavings.
static INVALIDATED_WHILE_RUNNING: AtomicUsize = AtomicUsize::new(0);

fn invalidated_token_is_not_cached_again() {
    let (entry, started) = (Arc::new(TokenEntry::default()), Arc::new(AtomicUsize::new(0)));
    let caller = thread::spawn({
        let (entry, started) = (Arc::clone(&entry), Arc::clone(&started));
        move || {
            call(&entry, 0, |ticket| {
                started.store(1, Ordering::SeqCst);
                thread::yield_now();
                succeed(&entry, &ticket, 0)
            })
        }
    });
    thread::yield_now();
    let was_running = started.load(Ordering::SeqCst) == 1;
    entry.invalidate();
    let result = caller.join().unwrap().result();
    let snapshot = entry.snapshot();
    if was_running {
        INVALIDATED_WHILE_RUNNING.fetch_add(1, Ordering::SeqCst);
        assert!(snapshot.cached.is_none());
        assert_eq!(snapshot.action(at(0)), TokenAction::Fetch);
    }
    // `None` if the attempt was discarded: its callers would call again.
    assert!(result.is_none_or(|result| result.is_ok()));
}

/// Asserts that the attempt was running in some interleavings. Otherwise the model above proves
/// nothing.
pub(crate) fn assert_that_a_running_attempt_was_invalidated() {
    assert!(INVALIDATED_WHILE_RUNNING.load(Ordering::SeqCst) > 0);
}

fn abandoned_attempt_does_not_overwrite_the_next() {
    let entry = Arc::new(TokenEntry::default());
    let FetchStart::Leading(attempt, stalled, waiter) = entry.begin(at(0), LIMITS) else {
        panic!("the entry is empty")
    };
    let late = thread::spawn({
        let entry = Arc::clone(&entry);
        move || complete(attempt, succeed(&entry, &stalled, 0))
    });
    let next = thread::spawn({
        let entry = Arc::clone(&entry);
        move || {
            entry.abandon(&waiter, at(60));
            call(&entry, 60, |ticket| succeed(&entry, &ticket, 60)).result()
        }
    });
    late.join().unwrap();
    let result = next.join().unwrap().unwrap().unwrap();
    let snapshot = entry.snapshot();
    assert_eq!(snapshot.cached.as_ref().unwrap().generation, result.generation, "the latest token stays");
    assert_eq!(snapshot.action(at(60)), TokenAction::Send);
}
