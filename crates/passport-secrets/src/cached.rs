use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use passport_core::{
    Clock, ResolvedSecret, SecretError, SecretErrorKind, SecretProvider, SecretRef, SystemClock,
};
use tokio::time::timeout;

use crate::{
    entry::{Entry, Look},
    telemetry,
};

/// How long secrets are believed. A rotation leaves both secrets alive for 5 min at least.
const TIME_TO_LIVE: Duration = Duration::from_secs(5 * 60);

/// How long a provider is waited for while there is a secret that would do.
const PATIENCE: Duration = Duration::from_secs(2);

/// A provider's secrets, kept for a while.
///
/// - A secret is believed for 5 minutes ([`time_to_live`](Self::time_to_live)); then whoever needs it next reads it again. All who
///   need it at a time read it once.
/// - While the provider is down, or takes more than 2 s, the secret that was read before goes on, for as long as that lasts. The
///   provider is left alone meanwhile for 1 s, 2 s, ... up to a minute, or for as long as it asks (10 min at most). Of an error
///   that nothing was read before, all get a copy until then.
/// - A provider that says that there is no such secret, that it is disabled or not for us is believed at once: nothing goes on
///   then.
/// - A secret that Passport has refused is read again at once, unless it was read within the last second.
///
/// Clones of an identity share what is kept; so does whatever else has the same `CachedSecrets`.
pub struct CachedSecrets<P> {
    provider: P,
    time_to_live: Duration,
    clock: Arc<dyn Clock>,
    places: Mutex<HashMap<SecretRef, Arc<Place>>>,
}

/// One secret.
#[derive(Debug, Default)]
struct Place {
    entry: Mutex<Entry>,
    /// One reads at a time.
    reading: tokio::sync::Mutex<()>,
}

impl Place {
    fn entry(&self) -> MutexGuard<'_, Entry> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: SecretProvider> CachedSecrets<P> {
    /// The secrets of `provider`.
    #[must_use]
    pub fn new(provider: P) -> Self {
        let places = Mutex::default();
        Self { provider, time_to_live: TIME_TO_LIVE, clock: Arc::new(SystemClock), places }
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

    fn look(&self, place: &Place) -> Look {
        place.entry().look(self.clock.uptime(), self.time_to_live)
    }

    /// With the right to read in hand.
    async fn read(
        &self,
        reference: &SecretRef,
        place: &Place,
        patience: Option<Duration>,
    ) -> Result<ResolvedSecret, SecretError> {
        let read = self.provider.resolve_anew(reference);
        let result = match patience {
            None => read.await,
            Some(patience) => timeout(patience, read).await.unwrap_or_else(|late| {
                let kind = SecretErrorKind::Unavailable;
                Err(SecretError::new(kind, reference.clone(), "the provider takes too long").caused_by(late))
            }),
        };
        telemetry::read(reference, &result);
        let (mut entry, now) = (place.entry(), self.clock.uptime());
        match result {
            Ok(secret) => {
                if entry.succeeds(secret.clone(), now) {
                    telemetry::rotated(reference, &secret);
                }
                Ok(secret)
            }
            Err(error) => {
                let goes_on = entry.fails(error.clone(), now, fastrand::f64());
                if goes_on.is_ok() {
                    telemetry::stale(reference, &error);
                }
                goes_on
            }
        }
    }
}

impl<P: SecretProvider> SecretProvider for CachedSecrets<P> {
    /// # Cancel safety
    /// Whoever reads for others may be dropped; the next one reads then.
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let place = self.place(reference);
        match self.look(&place) {
            Look::Fresh(secret) => Ok(secret),
            Look::Failed(error) => Err(error),
            Look::Due(Some(before)) => match place.reading.try_lock() {
                Ok(_one) => self.read(reference, &place, Some(PATIENCE)).await,
                // Somebody else reads, and this one does meanwhile.
                Err(_) => Ok(before),
            },
            Look::Due(None) => {
                let _one = place.reading.lock().await;
                match self.look(&place) {
                    Look::Fresh(secret) => Ok(secret),
                    Look::Failed(error) => Err(error),
                    Look::Due(_) => self.read(reference, &place, None).await,
                }
            }
        }
    }

    async fn resolve_anew(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let place = self.place(reference);
        let _one = place.reading.lock().await;
        if let Some(secret) = place.entry().brand_new(self.clock.uptime()) {
            return Ok(secret);
        }
        self.read(reference, &place, Some(PATIENCE)).await
    }
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
