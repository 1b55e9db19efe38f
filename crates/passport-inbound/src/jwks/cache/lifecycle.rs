//! The installation and the scheduled refreshes of keys, and what a reload of the configuration
//! does with a cache.

use std::{sync::Arc, time::Duration};

use passport_core::Clock;

use super::{
    super::{
        installed_keys::InstalledKeys,
        key_life::{Freshness, KeyLife},
        refresh_policy::RefreshCause,
        refresh_scheduler::Scheduled,
        settings::KeySettings,
    },
    JwksCache,
};

impl JwksCache {
    /// Returns whether a cache with `settings` for this issuer would behave as this one.
    pub(crate) fn has_settings(&self, settings: &KeySettings) -> bool {
        // Static keys need no settings.
        self.client.is_none() || self.settings.is_same(settings)
    }

    /// Installs `keys`, and marks the keys that they replace. Called under the lock of the state,
    /// except while no other thread uses the cache.
    pub(super) fn replace_installed(&self, keys: InstalledKeys) {
        if let Some(replaced) = &*self.installed.load() {
            replaced.installation.replace();
        }
        self.installed.store(Some(Arc::new(keys)));
    }

    /// Installs the keys of `other`, a cache of the same keys with other settings, so that a change
    /// of the settings does not depend on the issuer.
    pub(crate) fn adopt_keys(self: &Arc<Self>, other: &Self) {
        let Some(installed) = other.installed().filter(|_| self.client.is_some()) else { return };
        let (fetched_at, fresh_for) = (installed.life().fetched_at, installed.fresh_for);
        let life = KeyLife::new(&self.settings, fetched_at, fresh_for, (self.settings.random)());
        let (keys, document) = (Arc::clone(&installed.keys), installed.document.clone());
        let adopted = InstalledKeys::new(&self.name, keys, life, document);
        let mut state = self.state();
        state.policy.loaded(life);
        state.is_scheduled = true;
        self.replace_installed(InstalledKeys { fresh_for, ..adopted });
        self.publish_next_refresh(&state, self.clock.now());
        drop(state);
        let cache = Arc::downgrade(self);
        self.scheduler.add(cache);
    }

    /// Stops the refreshes. Called when the issuer is no longer trusted: cached tokens can hold the
    /// cache for some time after that.
    pub(crate) fn stop(&self) {
        self.state().is_stopped = true;
    }
}

impl Scheduled for JwksCache {
    fn tick(self: Arc<Self>) -> Option<Duration> {
        let now = self.clock.now();
        let installed = self.installed.load_full();
        let is_due = installed.as_ref().is_none_or(|keys| keys.life().freshness(now) != Freshness::Fresh);
        if is_due {
            drop(self.refresh_because(RefreshCause::Schedule, installed.as_ref(), now));
        }
        let state = self.state();
        let next = state.policy.next_refresh(now);
        (!state.is_stopped).then(|| next.duration_since(now).unwrap_or_default())
    }
}
