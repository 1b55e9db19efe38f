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

/// How long secrets are believed. A rotation leaves both secrets alive for 5 min at least.
const TIME_TO_LIVE: Duration = Duration::from_secs(5 * 60);

/// How long a provider is waited for while there is a secret that would do.
const PATIENCE: Duration = Duration::from_millis(500);

/// The longest that a provider may take.
const MAX_READING: Duration = Duration::from_secs(30);

/// A provider's secrets, kept for a while.
///
/// - A secret is believed for 5 minutes ([`time_to_live`](Self::time_to_live)); then whoever needs it next has it read again. All
///   who need it at a time have it read once.
/// - While the provider is down, or takes more than half a second, the secret that was read before goes on, for as long as that
///   lasts; what comes late is there for the next. The provider is left alone after a failure for about 1 s, 2 s, ... up to a
///   minute, or for as long as it asks (10 min at most); who needs a secret meanwhile that was never read gets the error at once.
/// - A provider that says that there is no such secret, that it is disabled or not for us
///   ([`SecretError::ends_a_secret`]) is believed: nothing goes on then.
/// - A secret that Passport has refused is read again at once, whatever its age.
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
    /// When the read began that is running.
    reading_since: Option<Instant>,
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

    /// How long a secret is believed. Defaults to 5 min, which is how long a rotation leaves the old secret alive at least; zero
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
        Arc::clone(places.entry(reference.clone()).or_default())
    }

    /// The read that is running, or one that is started for the purpose. It goes on when nobody waits for it any more.
    fn read(
        &self,
        reference: &SecretRef,
        place: &Arc<Place>,
        refused: Option<&ResolvedSecret>,
    ) -> Flight<Outcome> {
        let mut state = place.state();
        let now = Instant::now();
        if let Some(flight) = place.reads.running() {
            // One that says nothing for longer than it may take sits on a runtime that nobody drives.
            if state.reading_since.is_some_and(|since| now < since + 2 * MAX_READING) {
                return flight;
            }
            place.reads.give_up(&flight);
        }
        state.reading_since = Some(now);
        let (lead, flight) = place.reads.lead();
        let (provider, clock) = (Arc::clone(&self.provider), Arc::clone(&self.clock));
        let (reference, place, refused) = (reference.clone(), Arc::clone(place), refused.cloned());
        tokio::spawn(async move {
            let read = asked(&*provider, &reference, refused.as_ref()).await;
            lead.land(place.note(&reference, read, clock.uptime()));
        });
        flight
    }
}

/// What the provider says, within its time. A secret that holds nothing is none.
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
    read.and_then(|secret| match secret.secret().expose() {
        "" => Err(error(SecretErrorKind::Empty, "it is there but holds nothing")),
        _ => Ok(secret),
    })
}

impl Place {
    /// What came of a read, and what whoever waits gets for it.
    fn note(&self, reference: &SecretRef, read: Outcome, now: Duration) -> Outcome {
        telemetry::read(reference, &read);
        match read {
            Ok(secret) => {
                let is_another = self.state().entry.succeeds(secret.clone(), now);
                if is_another {
                    telemetry::rotated(reference, &secret);
                }
                Ok(secret)
            }
            Err(error) => {
                let goes_on = self.state().entry.fails(error.clone(), now, fastrand::f64());
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
        let look = place.state().entry.look(self.clock.uptime(), self.time_to_live);
        match look {
            Look::Fresh(secret) => Ok(secret),
            Look::Failed(error) => Err(error),
            Look::Due(None) => landed(self.read(reference, &place, None), reference).await,
            Look::Due(Some(before)) => {
                let read = self.read(reference, &place, None);
                timeout(PATIENCE, landed(read, reference)).await.unwrap_or(Ok(before))
            }
        }
    }

    async fn resolve_anew(
        &self,
        reference: &SecretRef,
        refused: &ResolvedSecret,
    ) -> Result<ResolvedSecret, SecretError> {
        let place = self.place(reference);
        let known = place.state().entry.after_refusal(refused, self.clock.uptime());
        if let Some(known) = known {
            return known;
        }
        // One that is running may have begun before the refusal.
        let was_running = place.reads.running().is_some();
        let read = landed(self.read(reference, &place, Some(refused)), reference).await;
        let is_same = read.as_ref().is_ok_and(|read| read.secret().expose() == refused.secret().expose());
        if was_running && is_same {
            return landed(self.read(reference, &place, Some(refused)), reference).await;
        }
        read
    }
}

async fn landed(read: Flight<Outcome>, reference: &SecretRef) -> Outcome {
    read.outcome().await.unwrap_or_else(|| {
        Err(SecretError::new(
            SecretErrorKind::Unavailable,
            reference.clone(),
            "the read was lost with its runtime",
        ))
    })
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
