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
    cached_token::Kept,
    error::{TokenError, TokenErrorKind},
    monotonic_clock::SteadyTime,
    schedule::Phase,
    step::{Activity, Step, step},
    sync::{ArcSwap, Flight, Guard, Lead, Mutex, MutexGuard, SingleFlight},
};

/// A token younger than this is not replaced because a receiver refuses it: it is not the token's fault then. The
/// time doubles with each replacement that is refused in its turn.
const LEAST_AGE: Duration = Duration::from_secs(5);
const MAX_LEAST_AGE: Duration = Duration::from_secs(5 * 60);

/// What all callers of one attempt get.
pub(crate) type Outcome = Result<Arc<Kept>, TokenError>;

/// What a slot keeps of what its attempts bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// The token, until it expires.
    #[default]
    Token,
    /// Nothing, but callers of a running attempt share it.
    InFlight,
    /// Nothing, and each caller has an attempt of its own.
    Nothing,
}

#[derive(Debug, Default)]
pub(crate) struct Slot {
    keeping: Keeping,
    /// The time of everything in here.
    pub(crate) time: SteadyTime,
    snapshot: ArcSwap<Snapshot>,
    flights: SingleFlight<Outcome>,
    ledger: Mutex<Ledger>,
}

/// What readers see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) kept: Option<Arc<Kept>>,
    /// Until when the running attempt is believed in.
    running: Option<Pause>,
    /// Until when no attempt is made.
    pausing: Option<Pause>,
    /// Why the last attempt failed, until one succeeds.
    pub(crate) last_error: Option<TokenError>,
}

/// What only writers need to know.
#[derive(Debug, Default)]
struct Ledger {
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
    /// The token that was forgotten by [`Slot::invalidate`], until there is another.
    forgotten: Option<AccessToken>,
}

/// What [`Slot::begin`] found.
#[derive(Debug)]
pub(crate) enum Begun {
    /// No attempt is needed, or it is too soon for one.
    Settled(Outcome),
    /// One is running, in this span.
    Following(Flight<Outcome>, Option<Span>),
    /// It is the caller's to run.
    Leading(Ticket, Flight<Outcome>),
}

/// The duty to run an attempt, and to say how it went.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Also the generation of the token that the attempt brings.
    pub(crate) number: u64,
    /// The token that is held meanwhile; the attempt is to bring another.
    pub(crate) held: Option<AccessToken>,
    /// The token that nobody should be given any more.
    pub(crate) unwanted: Option<AccessToken>,
    /// Cancelled when what the attempt brings is not wanted any more.
    pub(crate) stop: CancellationToken,
    /// Whether the attempt must not depend on a caller's runtime.
    pub(crate) detached: bool,
    /// When it began.
    started: SystemTime,
    /// Set when the attempt starts; calls that wait for it are linked to it.
    pub(crate) span: Arc<OnceLock<Span>>,
    lead: Lead<Outcome>,
}

/// What becomes of a token that a receiver refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
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
        match self.kept.as_ref().map(|kept| kept.schedule.phase(now)) {
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

impl Slot {
    pub(crate) fn new(keeping: Keeping) -> Self {
        Self { keeping, ..Self::default() }
    }

    /// How things stand. No lock, no reference count.
    pub(crate) fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// Joins the running attempt or starts one, if one is needed. An attempt that has said nothing for `patience` is
    /// given up.
    pub(crate) fn begin(&self, now: SystemTime, patience: Duration) -> Begun {
        let mut ledger = self.ledger();
        let snapshot = self.snapshot.load_full();
        if self.keeping != Keeping::Nothing
            && let Some(flight) = self.flights.running()
        {
            if snapshot.activity(now) == Activity::Running {
                return Begun::Following(flight, ledger.span.upgrade().and_then(|span| span.get().cloned()));
            }
            self.flights.give_up(&flight);
            ledger.detached = true;
        }
        match (snapshot.step(now), snapshot.activity(now), &snapshot.kept, &snapshot.last_error) {
            (Step::Send, _, Some(kept), _) => return Begun::Settled(Ok(Arc::clone(kept))),
            (Step::Refuse, _, _, Some(error)) | (Step::Fetch, Activity::Retrying, _, Some(error)) => {
                return Begun::Settled(Err(error.clone()));
            }
            _ => {}
        }
        let (lead, flight) = self.flights.lead();
        ledger.last_ticket += 1;
        if self.keeping != Keeping::Nothing {
            let running = Some(Pause::starting(now, patience));
            self.publish(Snapshot { running, pausing: None, ..Snapshot::clone(&snapshot) });
        }
        let held = snapshot.kept.as_ref().map(|kept| kept.token.clone());
        let unwanted = if ledger.rejected { held.clone() } else { ledger.forgotten.clone() };
        let stop = CancellationToken::new();
        ledger.stop = stop.clone();
        let span = Arc::new(OnceLock::new());
        ledger.span = Arc::downgrade(&span);
        let (number, detached) = (ledger.last_ticket, ledger.detached);
        let ticket = Ticket { number, held, unwanted, stop, detached, started: now, span, lead };
        Begun::Leading(ticket, flight)
    }

    /// The attempt brought a token. It is not kept if it is not wanted any more; those who wait for it try again then.
    pub(crate) fn succeed(&self, ticket: Ticket, kept: Kept) {
        let mut ledger = self.ledger();
        if ticket.number < ledger.oldest_wanted {
            return;
        }
        let kept = Arc::new(kept);
        let before = self.snapshot.load_full();
        let newest = before.kept.as_ref().is_none_or(|before| before.generation < kept.generation);
        if newest {
            *ledger = Ledger {
                last_ticket: ledger.last_ticket,
                stop: ledger.stop.clone(),
                span: Weak::clone(&ledger.span),
                oldest_wanted: ledger.oldest_wanted,
                detached: ledger.detached,
                replaced: if ledger.rejected { ledger.replaced.saturating_add(1) } else { 0 },
                ..Ledger::default()
            };
            let running = before.running.filter(|_| !self.is_current(&ledger, &ticket));
            let kept = (self.keeping == Keeping::Token).then(|| Arc::clone(&kept));
            self.publish(Snapshot { kept, running, pausing: None, last_error: None });
        }
        drop(ledger);
        ticket.lead.land(Ok(kept));
    }

    /// The attempt failed; the next one has to wait. `random` is in 0..1.
    pub(crate) fn fail(&self, ticket: Ticket, error: TokenError, now: SystemTime, random: f64) {
        let mut ledger = self.ledger();
        if self.is_current(&ledger, &ticket) {
            let took = now.duration_since(ticket.started).unwrap_or_default();
            self.pause(&mut ledger, &error, now, took, random);
        }
        drop(ledger);
        ticket.lead.land(Err(error));
    }

    /// Records that the attempt ended with the runtime it was on. That says nothing of Passport, so
    /// another attempt may start immediately; it does not depend on a caller's runtime.
    pub(crate) fn lose(&self, ticket: Ticket) {
        self.ledger().detached = true;
        self.call_off(ticket);
    }

    /// The attempt was called off: its identity is gone, or what it brings is not wanted any more.
    pub(crate) fn call_off(&self, ticket: Ticket) {
        let ledger = self.ledger();
        if self.is_current(&ledger, &ticket) {
            self.publish(Snapshot { running: None, ..self.copied() });
        }
        drop(ledger);
        drop(ticket);
    }

    /// Makes room for another attempt, if this one has said nothing for longer than whoever started it would wait.
    /// False if it is to be waited for.
    pub(crate) fn give_up(&self, silent: &Flight<Outcome>, now: SystemTime) -> bool {
        let mut ledger = self.ledger();
        if !self.flights.is_running(silent) {
            return true;
        }
        let snapshot = self.copied();
        if snapshot.activity(now) == Activity::Running {
            return false;
        }
        self.flights.give_up(silent);
        ledger.detached = true;
        self.publish(Snapshot { running: None, ..snapshot });
        true
    }

    /// A receiver refused the token of `generation`. Another generation is none of its business.
    pub(crate) fn reject(&self, generation: u64, now: SystemTime) -> Rejection {
        let mut ledger = self.ledger();
        if self.keeping != Keeping::Token {
            return Rejection::NotKept;
        }
        let snapshot = self.snapshot.load_full();
        let Some(kept) = snapshot.kept.as_ref().filter(|kept| kept.generation == generation) else {
            return Rejection::Superseded;
        };
        let least_age = LEAST_AGE.saturating_mul(1 << ledger.replaced.min(6)).min(MAX_LEAST_AGE);
        if kept.schedule.age(now) < least_age {
            return Rejection::TooYoung;
        }
        ledger.rejected = true;
        let kept = Kept { schedule: kept.schedule.due(now), ..Kept::clone(kept) };
        self.publish(Snapshot { kept: Some(Arc::new(kept)), ..Snapshot::clone(&snapshot) });
        Rejection::Due
    }

    /// Whether the kept token is to be replaced for somebody who needs one with `life` left: it is made due then. Not in the first half
    /// of its life, or nobody could ever have enough.
    pub(crate) fn is_to_be_replaced(&self, life: Duration, now: SystemTime) -> bool {
        let _ledger = self.ledger();
        let snapshot = self.snapshot.load_full();
        let Some(kept) = snapshot.kept.as_ref().filter(|_| self.keeping == Keeping::Token) else {
            return false;
        };
        let (age, left) = (kept.schedule.age(now), kept.schedule.left(now));
        if left >= life || age < left {
            return false;
        }
        let kept = Kept { schedule: kept.schedule.due(now), ..Kept::clone(kept) };
        self.publish(Snapshot { kept: Some(Arc::new(kept)), ..Snapshot::clone(&snapshot) });
        true
    }

    /// Forgets the token, and whatever the running attempt may bring. A pause goes on.
    pub(crate) fn invalidate(&self) {
        let mut ledger = self.ledger();
        ledger.oldest_wanted = ledger.last_ticket + 1;
        ledger.stop.cancel();
        ledger.rejected = false;
        if let Some(flight) = self.flights.running() {
            self.flights.give_up(&flight);
        }
        let snapshot = self.copied();
        if let Some(kept) = &snapshot.kept {
            ledger.forgotten = Some(kept.token.clone());
        }
        self.publish(Snapshot { kept: None, running: None, ..snapshot });
    }

    /// Keeps every writer out for as long as it is held.
    #[cfg(test)]
    pub(crate) fn locked(&self) -> impl Drop + '_ {
        self.ledger()
    }

    /// The running attempt, if there is one.
    #[cfg(test)]
    pub(crate) fn running(&self) -> Option<Flight<Outcome>> {
        self.flights.running()
    }

    /// A pause that is there already (without a cache, attempts run side by side) is not made shorter, and counts once.
    fn pause(&self, ledger: &mut Ledger, error: &TokenError, now: SystemTime, took: Duration, random: f64) {
        let snapshot = self.copied();
        let before = snapshot.pausing.filter(|pause| pause.covers(now));
        let left = snapshot.kept.as_ref().map(|kept| kept.schedule.left(now));
        let flat = |length| Pause::starting(now, at_least(length, error.retry_after()));
        let pause = match (error.kind(), before) {
            (TokenErrorKind::Refused, _) => flat(Backoff::refused(random)),
            (TokenErrorKind::Repeated, _) => flat(repeated(left)),
            (_, None) => {
                ledger.backoff.failed(now, Failed { took, left, retry_after: error.retry_after(), random })
            }
            (_, Some(_)) => flat(Duration::ZERO),
        };
        let pause = if error.may_pass_soon() { pause } else { pause.not_waited_for() };
        let pausing = Some(before.filter(|before| before.until() > pause.until()).unwrap_or(pause));
        self.publish(Snapshot { running: None, pausing, last_error: Some(error.clone()), ..snapshot });
    }

    /// Whether what happens to the attempt is what happens to the slot: no other was started since.
    fn is_current(&self, ledger: &Ledger, ticket: &Ticket) -> bool {
        self.keeping == Keeping::Nothing || ticket.number == ledger.last_ticket
    }

    fn copied(&self) -> Snapshot {
        Snapshot::clone(&self.snapshot.load_full())
    }

    /// Only with the ledger in hand.
    fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
