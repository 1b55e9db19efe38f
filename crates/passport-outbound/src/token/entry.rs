//! The place of one token. Readers see an immutable snapshot and take no lock; whatever changes it is decided and
//! published under one lock, and an attempt publishes what it brought before it says so.

use std::{
    sync::{Arc, OnceLock, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use passport_core::AccessToken;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::{
    backoff::{Backoff, Failed, Pause, at_least, repeated},
    cached_token::CachedToken,
    error::{TokenError, TokenErrorKind},
    monotonic_clock::MonotonicClock,
    schedule::Phase,
    step::{Activity, Step, step},
    sync::{ArcSwap, Flight, Guard, Lead, Mutex, MutexGuard, SingleFlight},
};

/// A token younger than this is not replaced because a receiver refuses it: it is not the token's fault then. The
/// time doubles with each replacement that is refused in its turn.
const LEAST_AGE: Duration = Duration::from_secs(5);
const MAX_LEAST_AGE: Duration = Duration::from_secs(5 * 60);

/// What all callers of one attempt get.
pub(crate) type FetchResult = Result<Arc<CachedToken>, TokenError>;

/// What a slot keeps of what its attempts bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Retention {
    /// The token, until it expires.
    #[default]
    Token,
    /// Nothing, but callers of a running attempt share it.
    InFlight,
    /// Nothing, and each caller has an attempt of its own.
    Nothing,
}

#[derive(Debug, Default)]
pub(crate) struct TokenEntry {
    retention: Retention,
    /// The time of everything in here.
    pub(crate) time: MonotonicClock,
    snapshot: ArcSwap<Snapshot>,
    flights: SingleFlight<FetchResult>,
    state: Mutex<WriterState>,
}

/// What readers see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) cached: Option<Arc<CachedToken>>,
    /// Until when the running attempt is believed in.
    running: Option<Pause>,
    /// Until when no attempt is made.
    pausing: Option<Pause>,
    /// Why the last attempt failed, until one succeeds.
    pub(crate) last_error: Option<TokenError>,
}

/// What only writers need to know.
#[derive(Debug, Default)]
struct WriterState {
    last_ticket: u64,
    /// Stops the attempt that was started last.
    stop: CancellationToken,
    /// The span of the running attempt. Its ticket keeps it.
    span: Weak<OnceLock<Span>>,
    /// What attempts before this one bring is not wanted any more.
    oldest_wanted: u64,
    backoff: Backoff,
    /// Whether an attempt was lost with its runtime, or sat on one that nothing drives. Later ones
    /// do not depend on a caller's runtime.
    detached: bool,
    /// Whether a receiver refused the kept token.
    rejected: bool,
    /// How many tokens in a row were replaced because a receiver refused them.
    replaced: u32,
    /// The token that was forgotten by [`TokenEntry::invalidate`], until there is another.
    forgotten: Option<AccessToken>,
}

/// What [`TokenEntry::begin`] found.
#[derive(Debug)]
pub(crate) enum FetchStart {
    /// No attempt is needed, or it is too soon for one.
    Settled(FetchResult),
    /// One is running, in this span.
    Following(Flight<FetchResult>, Option<Span>),
    /// It is the caller's to run.
    Leading(FetchTicket, Flight<FetchResult>),
}

/// The duty to run an attempt, and to say how it went.
#[derive(Debug)]
pub(crate) struct FetchTicket {
    /// Also the generation of the token that the attempt brings.
    pub(crate) number: u64,
    /// The token that is held meanwhile; the attempt is to bring another.
    pub(crate) current: Option<AccessToken>,
    /// The token that nobody should be given any more.
    pub(crate) excluded: Option<AccessToken>,
    /// Cancelled when what the attempt brings is not wanted any more.
    pub(crate) stop: CancellationToken,
    /// Whether the attempt must not depend on a caller's runtime.
    pub(crate) detached: bool,
    /// When it began.
    started: SystemTime,
    /// Set when the attempt starts; calls that wait for it are linked to it.
    pub(crate) span: Arc<OnceLock<Span>>,
    lead: Lead<FetchResult>,
}

/// What becomes of a token that a receiver refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RejectionEffect {
    /// Another one is in its place already.
    Superseded,
    /// It is to be replaced now.
    Due,
    /// It stays: it is so young that another would be refused as well.
    TooYoung,
    /// It was for one call only.
    NotKept,
}

impl Snapshot {
    pub(crate) fn step(&self, now: SystemTime) -> Step {
        match self.cached.as_ref().map(|cached| cached.schedule.phase(now)) {
            // The usual case: what else is going on does not matter.
            Some(Phase::Fresh) => Step::Send,
            phase => step(phase, self.activity(now)),
        }
    }

    pub(crate) fn activity(&self, now: SystemTime) -> Activity {
        let covers = |pause: Option<Pause>| pause.is_some_and(|pause| pause.covers(now));
        match (covers(self.running), covers(self.pausing)) {
            (true, _) => Activity::Running,
            (false, true) if self.pausing.is_some_and(|pause| pause.is_waited_for()) => Activity::Retrying,
            (false, true) => Activity::Pausing,
            (false, false) => Activity::Idle,
        }
    }

    /// Returns how soon a caller whose attempt has failed may have another outcome, if it is to
    /// wait for that.
    pub(crate) fn retry_in(&self, now: SystemTime) -> Option<Duration> {
        // The caller may see the failure when another attempt has succeeded or is running already.
        if self.last_error.is_none() || self.activity(now) == Activity::Running {
            return Some(Duration::ZERO);
        }
        let pause = self.pausing.filter(Pause::is_waited_for)?;
        Some(pause.until().duration_since(now).unwrap_or_default())
    }

    /// When the pause ends, if there is one.
    pub(crate) fn paused_until(&self, now: SystemTime) -> Option<SystemTime> {
        self.pausing.filter(|pause| pause.covers(now)).map(|pause| pause.until())
    }
}

impl TokenEntry {
    pub(crate) fn new(retention: Retention) -> Self {
        Self { retention, ..Self::default() }
    }

    /// How things stand. No lock, no reference count.
    pub(crate) fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// Joins the running attempt or starts one, if one is needed. An attempt that has said nothing for `patience` is
    /// given up.
    pub(crate) fn begin(&self, now: SystemTime, patience: Duration) -> FetchStart {
        let mut state = self.state();
        let snapshot = self.snapshot.load_full();
        if self.retention != Retention::Nothing
            && let Some(flight) = self.flights.running()
        {
            if snapshot.activity(now) == Activity::Running {
                return FetchStart::Following(
                    flight,
                    state.span.upgrade().and_then(|span| span.get().cloned()),
                );
            }
            self.flights.give_up(&flight);
            state.detached = true;
        }
        match (snapshot.step(now), snapshot.activity(now), &snapshot.cached, &snapshot.last_error) {
            (Step::Send, _, Some(cached), _) => return FetchStart::Settled(Ok(Arc::clone(cached))),
            (Step::Refuse, _, _, Some(error)) | (Step::Fetch, Activity::Retrying, _, Some(error)) => {
                return FetchStart::Settled(Err(error.clone()));
            }
            _ => {}
        }
        let (lead, flight) = self.flights.lead();
        state.last_ticket += 1;
        if self.retention != Retention::Nothing {
            let running = Some(Pause::starting(now, patience));
            self.publish(Snapshot { running, pausing: None, ..Snapshot::clone(&snapshot) });
        }
        let current = snapshot.cached.as_ref().map(|cached| cached.token.clone());
        let excluded = if state.rejected { current.clone() } else { state.forgotten.clone() };
        let stop = CancellationToken::new();
        state.stop = stop.clone();
        let span = Arc::new(OnceLock::new());
        state.span = Arc::downgrade(&span);
        let (number, detached) = (state.last_ticket, state.detached);
        let ticket = FetchTicket { number, current, excluded, stop, detached, started: now, span, lead };
        FetchStart::Leading(ticket, flight)
    }

    /// The attempt brought a token. It is not kept if it is not wanted any more; those who wait for it try again then.
    pub(crate) fn succeed(&self, ticket: FetchTicket, cached: CachedToken) {
        let mut state = self.state();
        if ticket.number < state.oldest_wanted {
            return;
        }
        let cached = Arc::new(cached);
        let before = self.snapshot.load_full();
        let newest = before.cached.as_ref().is_none_or(|before| before.generation < cached.generation);
        if newest {
            *state = WriterState {
                last_ticket: state.last_ticket,
                stop: state.stop.clone(),
                span: Weak::clone(&state.span),
                oldest_wanted: state.oldest_wanted,
                detached: state.detached,
                replaced: if state.rejected { state.replaced.saturating_add(1) } else { 0 },
                ..WriterState::default()
            };
            let running = before.running.filter(|_| !self.is_current(&state, &ticket));
            let cached = (self.retention == Retention::Token).then(|| Arc::clone(&cached));
            self.publish(Snapshot { cached, running, pausing: None, last_error: None });
        }
        drop(state);
        ticket.lead.land(Ok(cached));
    }

    /// The attempt failed; the next one has to wait. `random` is in 0..1.
    pub(crate) fn fail(&self, ticket: FetchTicket, error: TokenError, now: SystemTime, random: f64) {
        let mut state = self.state();
        if self.is_current(&state, &ticket) {
            let took = now.duration_since(ticket.started).unwrap_or_default();
            self.pause(&mut state, &error, now, took, random);
        }
        drop(state);
        ticket.lead.land(Err(error));
    }

    /// Records that the attempt ended with the runtime it was on. That says nothing of Passport, so
    /// another attempt may start immediately; it does not depend on a caller's runtime.
    pub(crate) fn lose(&self, ticket: FetchTicket) {
        self.state().detached = true;
        self.call_off(ticket);
    }

    /// The attempt was called off: its identity is gone, or what it brings is not wanted any more.
    pub(crate) fn call_off(&self, ticket: FetchTicket) {
        let state = self.state();
        if self.is_current(&state, &ticket) {
            self.publish(Snapshot { running: None, ..self.copied() });
        }
        drop(state);
        drop(ticket);
    }

    /// Makes room for another attempt, if this one has said nothing for longer than whoever started it would wait.
    /// False if it is to be waited for.
    pub(crate) fn give_up(&self, silent: &Flight<FetchResult>, now: SystemTime) -> bool {
        let mut state = self.state();
        if !self.flights.is_running(silent) {
            return true;
        }
        let snapshot = self.copied();
        if snapshot.activity(now) == Activity::Running {
            return false;
        }
        self.flights.give_up(silent);
        state.detached = true;
        self.publish(Snapshot { running: None, ..snapshot });
        true
    }

    /// A receiver refused the token of `generation`. Another generation is none of its business.
    pub(crate) fn reject(&self, generation: u64, now: SystemTime) -> RejectionEffect {
        let mut state = self.state();
        if self.retention != Retention::Token {
            return RejectionEffect::NotKept;
        }
        let snapshot = self.snapshot.load_full();
        let Some(cached) = snapshot.cached.as_ref().filter(|cached| cached.generation == generation) else {
            return RejectionEffect::Superseded;
        };
        let least_age = LEAST_AGE.saturating_mul(1 << state.replaced.min(6)).min(MAX_LEAST_AGE);
        if cached.schedule.age(now) < least_age {
            return RejectionEffect::TooYoung;
        }
        state.rejected = true;
        let cached = CachedToken { schedule: cached.schedule.due(now), ..CachedToken::clone(cached) };
        self.publish(Snapshot { cached: Some(Arc::new(cached)), ..Snapshot::clone(&snapshot) });
        RejectionEffect::Due
    }

    /// Whether the kept token is to be replaced for somebody who needs one with `life` left: it is made due then. Not in the first half
    /// of its life, or nobody could ever have enough.
    pub(crate) fn is_to_be_replaced(&self, life: Duration, now: SystemTime) -> bool {
        let _ledger = self.state();
        let snapshot = self.snapshot.load_full();
        let Some(cached) = snapshot.cached.as_ref().filter(|_| self.retention == Retention::Token) else {
            return false;
        };
        let (age, left) = (cached.schedule.age(now), cached.schedule.left(now));
        if left >= life || age < left {
            return false;
        }
        let cached = CachedToken { schedule: cached.schedule.due(now), ..CachedToken::clone(cached) };
        self.publish(Snapshot { cached: Some(Arc::new(cached)), ..Snapshot::clone(&snapshot) });
        true
    }

    /// Forgets the token, and whatever the running attempt may bring. A pause goes on.
    pub(crate) fn invalidate(&self) {
        let mut state = self.state();
        state.oldest_wanted = state.last_ticket + 1;
        state.stop.cancel();
        state.rejected = false;
        if let Some(flight) = self.flights.running() {
            self.flights.give_up(&flight);
        }
        let snapshot = self.copied();
        if let Some(cached) = &snapshot.cached {
            state.forgotten = Some(cached.token.clone());
        }
        self.publish(Snapshot { cached: None, running: None, ..snapshot });
    }

    /// Keeps every writer out for as long as it is held.
    #[cfg(test)]
    pub(crate) fn locked(&self) -> impl Drop + '_ {
        self.state()
    }

    /// The running attempt, if there is one.
    #[cfg(test)]
    pub(crate) fn running(&self) -> Option<Flight<FetchResult>> {
        self.flights.running()
    }

    /// A pause that is there already (without a cache, attempts run side by side) is not made shorter, and counts once.
    fn pause(
        &self,
        state: &mut WriterState,
        error: &TokenError,
        now: SystemTime,
        took: Duration,
        random: f64,
    ) {
        let snapshot = self.copied();
        let before = snapshot.pausing.filter(|pause| pause.covers(now));
        let left = snapshot.cached.as_ref().map(|cached| cached.schedule.left(now));
        let flat = |length| Pause::starting(now, at_least(length, error.retry_after()));
        let pause = match (error.kind(), before) {
            (TokenErrorKind::Refused, _) => flat(Backoff::refused(random)),
            (TokenErrorKind::Repeated, _) => flat(repeated(left)),
            (_, None) => {
                state.backoff.failed(now, Failed { took, left, retry_after: error.retry_after(), random })
            }
            (_, Some(_)) => flat(Duration::ZERO),
        };
        let pause = if error.may_pass_soon() { pause } else { pause.not_waited_for() };
        let pausing = Some(before.filter(|before| before.until() > pause.until()).unwrap_or(pause));
        self.publish(Snapshot { running: None, pausing, last_error: Some(error.clone()), ..snapshot });
    }

    /// Whether what happens to the attempt is what happens to the slot: no other was started since.
    fn is_current(&self, state: &WriterState, ticket: &FetchTicket) -> bool {
        self.retention == Retention::Nothing || ticket.number == state.last_ticket
    }

    fn copied(&self) -> Snapshot {
        Snapshot::clone(&self.snapshot.load_full())
    }

    /// Only with the ledger in hand.
    fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    fn state(&self) -> MutexGuard<'_, WriterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
