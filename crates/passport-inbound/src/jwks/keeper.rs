use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwapOption;
use passport_core::{Clock, Flight, Lead, Role, SingleFlight};

use super::{
    JwksSource, KeySet,
    schedule::{Cause, Cooldown, Freshness, KeySettings},
};
use crate::telemetry;

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
                drop(self.refresh_because(Cause::Schedule, now));
                Some(snapshot)
            }
            Freshness::Expired => None,
        }
    }

    /// Asks for keys that are newer than `seen`, the ones in which the caller looked in vain.
    pub(crate) fn refresh(self: &Arc<Self>, seen: Option<&Arc<Snapshot>>, now: SystemTime) -> Refresh {
        let installed = self.installed.load();
        match (seen, installed.as_ref()) {
            (Some(seen), Some(installed)) if !Arc::ptr_eq(seen, installed) => Refresh::Done,
            (Some(_), _) => self.refresh_because(Cause::UnknownKey, now),
            (None, Some(installed)) if self.is_believed(installed, now) => Refresh::Done,
            (None, _) => self.refresh_because(Cause::Schedule, now),
        }
    }

    /// How long a request waits for a refresh at most.
    pub(crate) fn patience(&self) -> Duration {
        self.settings.patience
    }

    /// How long until the keys are fetched again at the earliest.
    pub(crate) fn retry_after(&self, now: SystemTime) -> Duration {
        self.cooldown().left(now, &self.settings)
    }

    fn is_believed(&self, snapshot: &Snapshot, now: SystemTime) -> bool {
        self.settings.freshness(snapshot.fetched_at, now) != Freshness::Expired
    }

    fn refresh_because(self: &Arc<Self>, cause: Cause, now: SystemTime) -> Refresh {
        // Whoever wants to lead holds this lock, so there is one claim for one attempt.
        let mut cooldown = self.cooldown();
        if let Some(flight) = self.flights.running() {
            return Refresh::Wait(flight);
        }
        let left = cooldown.left(now, &self.settings);
        if !left.is_zero() {
            return Refresh::TooSoon(left);
        }
        match self.flights.join() {
            Role::Follower(flight) => Refresh::Wait(flight),
            Role::Leader(lead, flight) => {
                cooldown.begin(now, &self.settings);
                drop(cooldown);
                // Without a runtime the lead is dropped here, and the flight ends without an outcome.
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(Arc::clone(self).lead(lead, cause));
                }
                Refresh::Wait(flight)
            }
        }
    }

    async fn lead(self: Arc<Self>, lead: Lead<()>, cause: Cause) {
        let asked_at = self.clock.now();
        match self.source.fetch().await {
            Ok(keys) => {
                telemetry::keys_installed(self.source.issuer(), keys.len());
                self.installed.store(Some(Arc::new(Snapshot { keys, fetched_at: asked_at })));
                self.cooldown().succeed(cause);
            }
            Err(error) => {
                let now = self.clock.now();
                let installed = self.installed.load();
                let age = installed.as_ref().and_then(|old| now.duration_since(old.fetched_at).ok());
                telemetry::keys_not_installed(self.source.issuer(), &error, age);
                let have_keys = installed.as_ref().is_some_and(|old| self.is_believed(old, now));
                self.cooldown().fail(now, have_keys, &self.settings);
            }
        }
        lead.land(());
    }

    fn cooldown(&self) -> MutexGuard<'_, Cooldown> {
        self.cooldown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
