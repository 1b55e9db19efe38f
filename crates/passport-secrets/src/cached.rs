use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use passport_core::{
    Clock, Flight, ResolvedSecret, SecretError, SecretErrorKind, SecretProvider, SecretRef, SingleFlight,
    SystemClock,
};
use tokio::time::{Instant, timeout};

use crate::{
    entry::{Entry, Look},
    telemetry,
};

/// How long secrets are believed.
const TIME_TO_LIVE: Duration = Duration::from_secs(5 * 60);

/// How long a provider is waited for while there is a secret that would do.
const PATIENCE: Duration = Duration::from_millis(500);

/// The longest that a provider may take.
const MAX_READING: Duration = Duration::from_secs(30);

/// How much longer somebody else's read is waited for.
const GRACE: Duration = Duration::from_secs(1);

/// How many reads somebody waits for: one may be lost with somebody's runtime, one may have begun before a refusal.
const TRIES: usize = 3;

/// A provider's secrets, kept for a while.
///
/// - A secret is believed for 5 minutes ([`time_to_live`](Self::time_to_live)); then whoever needs it next has it read again. All
///   who need it at a time have it read once.
/// - While the provider is down, or takes more than half a second, the secret that was read before goes on, for as long as that
///   lasts; what comes late is there for the next. The provider is left alone after a failure for about 1 s, 2 s, ... up to a
///   minute, or for as long as it asks (10 min at most); who needs a secret meanwhile that was never read gets the error at once.
/// - A provider that says that there is no such secret, that it is disabled or not for us
///   ([`SecretError::ends_a_secret`]) is believed: nothing goes on then.
/// - A secret that Passport has refused is read again at once, whatever its age, unless the provider is being left alone. If
///   the provider has no other one, the one that it had before is tried, for 10 min: a node of Passport may not know the new one yet.
/// - A secret that [ends](ResolvedSecret::expires_at) is read again at that moment.
///
/// Clones share what is kept: one secret for each reference. Reads run in tasks of the tokio runtime that asks.
#[derive(Clone)]
pub struct CachedSecrets<P> {
    provider: Arc<P>,
    time_to_live: Duration,
    clock: Arc<dyn Clock>,
    places: Arc<Mutex<HashMap<SecretRef, Arc<Place>>>>,
}

type Outcome = Result<ResolvedSecret, SecretError>;

/// One secret.
#[derive(Default)]
struct Place {
    state: Mutex<State>,
    reads: SingleFlight<Outcome>,
}

#[derive(Default)]
struct State {
    entry: Entry,
    /// How many reads have begun. What an older one brings than the last is not kept.
    begun: u64,
    /// When the last one began.
    reading_since: Option<Instant>,
}

/// What there is for whoever asks.
enum Step {
    Known(Outcome),
    /// It is being read.
    Wait {
        read: Flight<Outcome>,
        /// It would do.
        before: Option<ResolvedSecret>,
        /// The read was running already.
        joined: bool,
    },
}

impl<P: SecretProvider> CachedSecrets<P> {
    /// The secrets of `provider`.
    #[must_use]
    pub fn new(provider: P) -> Self {
        Self {
            provider: Arc::new(provider),
            time_to_live: TIME_TO_LIVE,
            clock: Arc::new(SystemClock),
            places: Arc::default(),
        }
    }

    /// How long a secret is believed. Defaults to 5 min, within which whoever rotates a secret should not revoke the old one; zero
    /// is for reading it each time, and still having the one before while the provider is down.
    #[must_use]
    pub fn time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = time;
        self
    }

    /// Reads the time from `clock`. Defaults to the operating system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn place(&self, reference: &SecretRef) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        // Who is not the first copies no reference.
        match places.get(reference) {
            Some(place) => Arc::clone(place),
            None => Arc::clone(places.entry(reference.clone()).or_default()),
        }
    }

    /// What the provider has now, if it can be asked.
    async fn anew(&self, reference: &SecretRef, place: &Arc<Place>, refused: &ResolvedSecret) -> Outcome {
        let mut last = Err(lost(reference));
        for _ in 0..TRIES {
            match self.step(reference, place, Some(refused)) {
                Step::Known(outcome) => return outcome,
                Step::Wait { read, joined, .. } => {
                    let Some(outcome) = landed(read).await else { continue };
                    last = outcome;
                    // One that was running may have begun before the refusal.
                    if !joined {
                        break;
                    }
                }
            }
        }
        last
    }

    /// What is known, or a read: the one that is running, or another. It goes on when nobody waits for it any more.
    fn step(&self, reference: &SecretRef, place: &Arc<Place>, refused: Option<&ResolvedSecret>) -> Step {
        let mut state = place.state();
        let asked_at = self.clock.uptime();
        let before = match (refused, state.entry.look(asked_at, self.time_to_live)) {
            (Some(refused), _) => match state.entry.after_refusal(refused, asked_at) {
                Some(known) => return Step::Known(known),
                None => None,
            },
            (None, Look::Fresh(secret)) => return Step::Known(Ok(secret)),
            (None, Look::Failed(error)) => return Step::Known(Err(error)),
            (None, Look::Due(before)) => before,
        };
        let now = Instant::now();
        if let Some(read) = place.reads.running() {
            // One that says nothing for longer than it may take sits on a runtime that nobody drives.
            if state.reading_since.is_some_and(|since| now < since + MAX_READING + GRACE) {
                return Step::Wait { read, before, joined: true };
            }
            place.reads.give_up(&read);
        }
        state.begun += 1;
        state.reading_since = Some(now);
        let ((lead, read), number) = (place.reads.lead(), state.begun);
        drop(state);
        let (provider, clock) = (Arc::clone(&self.provider), Arc::clone(&self.clock));
        let (reference, place, refused) = (reference.clone(), Arc::clone(place), refused.cloned());
        tokio::spawn(async move {
            let outcome = asked(&*provider, &reference, refused.as_ref()).await;
            let ends_in = outcome.as_ref().ok().and_then(|secret| remaining(secret, &*clock));
            lead.land(place.note(number, &reference, outcome, ends_in, [asked_at, clock.uptime()]));
        });
        Step::Wait { read, before, joined: false }
    }
}

/// How long `secret` has to live yet, if its provider says so.
fn remaining(secret: &ResolvedSecret, clock: &dyn Clock) -> Option<Duration> {
    secret.expires_at()?.duration_since(clock.now()).ok().filter(|time| !time.is_zero())
}

/// What the provider says, within its time. A secret of blanks is none.
async fn asked(
    provider: &impl SecretProvider,
    reference: &SecretRef,
    refused: Option<&ResolvedSecret>,
) -> Outcome {
    let error = |kind, reason: &str| SecretError::new(kind, reference.clone(), reason);
    let read = async {
        match refused {
            None => provider.resolve(reference).await,
            Some(refused) => provider.resolve_anew(reference, refused).await,
        }
    };
    let read = timeout(MAX_READING, read).await.unwrap_or_else(|late| {
        Err(error(SecretErrorKind::Unavailable, "the provider did not answer within 30 s").caused_by(late))
    });
    read.and_then(|secret| secret.non_blank(reference))
}

impl Place {
    /// What came of a read, and what whoever waits gets for it. A secret is as old as the question.
    fn note(
        &self,
        number: u64,
        reference: &SecretRef,
        read: Outcome,
        ends_in: Option<Duration>,
        [asked_at, now]: [Duration; 2],
    ) -> Outcome {
        telemetry::read(reference, &read);
        let mut state = self.state();
        if number != state.begun {
            return read;
        }
        match read {
            Ok(secret) => {
                let is_another = state.entry.succeeds(secret.clone(), asked_at, ends_in);
                drop(state);
                telemetry::expires(reference, &secret, ends_in);
                if is_another {
                    telemetry::rotated(reference, &secret);
                }
                Ok(secret)
            }
            Err(error) => {
                let goes_on = state.entry.fails(error.clone(), now, fastrand::f64());
                drop(state);
                telemetry::not_read(reference, &error, goes_on.is_ok());
                goes_on
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: SecretProvider> SecretProvider for CachedSecrets<P> {
    /// # Cancel safety
    /// A read goes on when nobody waits for it any more.
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let place = self.place(reference);
        for _ in 0..TRIES {
            match self.step(reference, &place, None) {
                Step::Known(outcome) => return outcome,
                Step::Wait { read, before: Some(before), .. } => {
                    let read = timeout(PATIENCE, read.outcome()).await;
                    return read.ok().flatten().unwrap_or_else(|| {
                        telemetry::late(reference);
                        Ok(before)
                    });
                }
                Step::Wait { read, before: None, .. } => {
                    if let Some(outcome) = landed(read).await {
                        return outcome;
                    }
                }
            }
        }
        Err(lost(reference))
    }

    async fn resolve_anew(
        &self,
        reference: &SecretRef,
        refused: &ResolvedSecret,
    ) -> Result<ResolvedSecret, SecretError> {
        let place = self.place(reference);
        let current = self.anew(reference, &place, refused).await?;
        let before = place.state().entry.before(refused, self.clock.uptime());
        Ok(before.filter(|_| current.is_same(refused)).unwrap_or(current))
    }
}

/// What came of a read. None if its runtime is gone, or is driven by nobody.
async fn landed(read: Flight<Outcome>) -> Option<Outcome> {
    timeout(MAX_READING + GRACE, read.outcome()).await.ok().flatten()
}

fn lost(reference: &SecretRef) -> SecretError {
    let reason = "the read was lost: its runtime is gone, or the provider has panicked";
    SecretError::new(SecretErrorKind::Unavailable, reference.clone(), reason)
}

/// Without what is kept.
impl<P: fmt::Debug> fmt::Debug for CachedSecrets<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedSecrets").field("provider", &self.provider).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "cached_tests.rs"]
mod tests;
