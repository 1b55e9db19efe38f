use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwapOption;
use passport_core::{Clock, Flight, Lead, SingleFlight};

use super::{
    FetchError, JwksSource, KeySet,
    schedule::{Cause, Cooldown, Freshness, KeySettings},
};
use crate::telemetry;

/// When to ask again while keys are on their way.
const SOON: Duration = Duration::from_secs(1);

/// Keeps an issuer's keys: serves the last good set, refreshes it, bounds how often and how long.
#[derive(Debug)]
pub(crate) struct KeyKeeper {
    source: JwksSource,
    settings: KeySettings,
    clock: Arc<dyn Clock>,
    installed: ArcSwapOption<Snapshot>,
    flights: SingleFlight<()>,
    cooldown: Mutex<Cooldown>,
}

/// A key set and when it came.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) keys: KeySet,
    fetched_at: SystemTime,
}

/// What becomes of a wish for newer keys.
pub(crate) enum Refresh {
    /// They are being fetched.
    Wait(Flight<()>),
    /// Newer ones have come since the caller looked.
    Done,
    /// It is too soon.
    TooSoon(Duration),
}

impl KeyKeeper {
    pub(crate) fn new(source: JwksSource, settings: KeySettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            settings,
            clock,
            installed: ArcSwapOption::empty(),
            flights: SingleFlight::new(),
            cooldown: Mutex::default(),
        }
    }

    /// The keys, if there are any to be believed. When it is time for new ones, they are fetched in the background.
    pub(crate) fn snapshot(self: &Arc<Self>, now: SystemTime) -> Option<Arc<Snapshot>> {
        let snapshot = self.installed.load_full()?;
        match self.settings.freshness(snapshot.fetched_at, now) {
            Freshness::Fresh => Some(snapshot),
            Freshness::Due => {
                drop(self.refresh_because(Cause::Schedule, Some(&snapshot), now));
                Some(snapshot)
            }
            Freshness::Expired => None,
        }
    }

    /// Asks for keys that are newer than `seen`, the ones in which the caller looked in vain.
    pub(crate) fn refresh(self: &Arc<Self>, seen: Option<&Arc<Snapshot>>, now: SystemTime) -> Refresh {
        let cause = if seen.is_some() { Cause::UnknownKey } else { Cause::Schedule };
        self.refresh_because(cause, seen, now)
    }

    /// How long a request waits for a refresh at most.
    pub(crate) fn patience(&self) -> Duration {
        self.settings.patience
    }

    /// When it is worth while to ask again for what there are no keys for.
    pub(crate) fn retry_after(&self, now: SystemTime) -> Duration {
        let cooldown = self.cooldown();
        if self.flights.running().is_some() { SOON } else { cooldown.left(now) }
    }

    /// Everything is decided under the lock: an attempt installs its keys before it ends, so that whoever finds none
    /// running sees what the last one has brought.
    fn refresh_because(
        self: &Arc<Self>,
        cause: Cause,
        seen: Option<&Arc<Snapshot>>,
        now: SystemTime,
    ) -> Refresh {
        let mut cooldown = self.cooldown();
        let left = cooldown.left(now);
        match self.flights.running() {
            // An attempt claims the cooldown and takes less. One that still runs after it sits on a runtime that nobody
            // drives; another takes its place.
            Some(flight) if !left.is_zero() => return Refresh::Wait(flight),
            _ if self.has_newer_than(seen, now) => return Refresh::Done,
            None if !left.is_zero() => return Refresh::TooSoon(left),
            _ => {}
        }
        let (lead, flight) = self.flights.lead();
        // Without a runtime the lead is dropped, and the flight ends without keys.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            cooldown.begin(now, &self.settings);
            let attempt = Attempt { keeper: Arc::clone(self), cause, lead: Some(lead) };
            runtime.spawn(attempt.run());
        }
        Refresh::Wait(flight)
    }

    fn has_newer_than(&self, seen: Option<&Arc<Snapshot>>, now: SystemTime) -> bool {
        let installed = self.installed.load();
        let Some(installed) = installed.as_ref() else { return false };
        seen.is_none_or(|seen| !Arc::ptr_eq(seen, installed)) && self.is_believed(installed, now)
    }

    fn is_believed(&self, snapshot: &Snapshot, now: SystemTime) -> bool {
        self.settings.freshness(snapshot.fetched_at, now) != Freshness::Expired
    }

    fn install(&self, keys: KeySet, fetched_at: SystemTime, cause: Cause) {
        telemetry::keys_installed(self.source.issuer(), keys.len());
        let keys = keys.newest_first(self.installed.load().as_ref().map(|old| &old.keys));
        self.installed.store(Some(Arc::new(Snapshot { keys, fetched_at })));
        self.cooldown().succeed(cause);
    }

    fn note_failure(&self, error: &FetchError) {
        let now = self.clock.now();
        let installed = self.installed.load();
        let age = installed.as_ref().and_then(|old| now.duration_since(old.fetched_at).ok());
        telemetry::keys_not_installed(self.source.issuer(), error, age);
        let have_keys = installed.as_ref().is_some_and(|old| self.is_believed(old, now));
        self.cooldown().fail(now, have_keys, &self.settings);
    }

    fn cooldown(&self) -> MutexGuard<'_, Cooldown> {
        self.cooldown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt on its way. One that is lost (its task panicked, its runtime went away) has failed like any other.
struct Attempt {
    keeper: Arc<KeyKeeper>,
    cause: Cause,
    /// Taken when there is an outcome.
    lead: Option<Lead<()>>,
}

impl Attempt {
    async fn run(mut self) {
        let asked_at = self.keeper.clock.now();
        let fetched = self.keeper.source.fetch().await;
        let Some(lead) = self.lead.take() else { return };
        match fetched {
            Ok(keys) => self.keeper.install(keys, asked_at, self.cause),
            Err(error) => self.keeper.note_failure(&error),
        }
        lead.land(());
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.lead.is_some() {
            self.keeper.note_failure(&FetchError::Lost);
        }
    }
}
