//! Caches an issuer's keys. Readers take a snapshot without a lock. One lock guards the state
//! that decides whether a refresh begins.

mod lifecycle;

use std::{
    mem::replace,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use arc_swap::{ArcSwapOption, Guard};
use bytes::Bytes;
use passport_core::{Clock, SharedClock, SharedTask, TaskLimits, Waiter, unix_millis, with_causes};
use tokio::runtime::Handle;

use super::{
    client::JwksClient,
    error::{KeyFetchError, SkippedKeys},
    events,
    health::{JwksHealth, JwksState},
    installed_keys::{CurrentKeys, InstalledKeys},
    key_life::{Freshness, KeyLife},
    key_set::KeySet,
    persistence::JwksCacheFile,
    refresh::{self, KeySource},
    refresh_policy::{KeyRefreshPolicy, RefreshCause, RefreshPause},
    refresh_scheduler::RefreshScheduler,
    settings::KeySettings,
    skipped_keys::SkippedKeyLog,
};
use crate::{issuers::IssuerName, jwt::algorithm::AllowedAlgorithms};

/// A cache of an issuer's keys. The cache serves the last valid key set, and limits how often
/// the key set is refreshed and how long it is trusted.
#[derive(Debug)]
pub(crate) struct JwksCache {
    /// The name of the issuer, for logs and metrics.
    pub(super) name: IssuerName,
    /// The client that fetches the keys. `None` for static keys.
    pub(super) client: Option<JwksClient>,
    /// The file that stores the keys for the next start. `None` if no file is configured.
    pub(super) file: Option<JwksCacheFile>,
    pub(crate) allowed: AllowedAlgorithms,
    pub(super) settings: KeySettings,
    pub(super) clock: SharedClock,
    skipped_keys: SkippedKeyLog,
    /// The scheduled refreshes of all issuers of the verifier.
    scheduler: Arc<RefreshScheduler>,
    /// The last installed key set. An expired key set stays here until another key set replaces it.
    installed: ArcSwapOption<InstalledKeys>,
    /// The running refresh, which all requests that need newer keys share.
    refreshes: SharedTask<()>,
    state: Mutex<RefreshState>,
    /// The time of the next scheduled refresh, in milliseconds since 1970. The field is atomic, so
    /// that requests with stale keys need no lock to see that no refresh can begin yet.
    next_refresh: AtomicU64,
}

/// The state that decides whether a refresh begins. The lock `JwksCache::state` guards this
/// state.
#[derive(Debug)]
struct RefreshState {
    policy: KeyRefreshPolicy,
    /// Whether the scheduler refreshes the keys. It does so from the first refresh on.
    is_scheduled: bool,
    last_error: Option<LastError>,
    /// Whether no further refresh may begin, because the issuer is no longer trusted.
    is_stopped: bool,
}

/// The error of the last refresh.
#[derive(Debug)]
struct LastError {
    text: String,
    /// Whether a later refresh can succeed without a change of the configuration.
    is_transient: bool,
}

impl RefreshCause {
    /// Returns the cause of a refresh for a token that no key of `seen` verifies. `seen` is `None`
    /// if there were no trusted keys.
    fn of_request(seen: Option<&Arc<InstalledKeys>>) -> Self {
        if seen.is_some() { Self::UnknownKey } else { Self::Schedule }
    }
}

/// The result of [`JwksCache::refresh`]: whether newer keys are available, or are being fetched.
pub(crate) enum RefreshStatus {
    /// A refresh is running. The waiter completes when the refresh ends.
    Running(Waiter<()>),
    /// Newer keys were installed after the verification had read its snapshot of the keys.
    Newer,
    /// No refresh is allowed to begin before the end of this pause.
    NotYet(RefreshPause),
}

impl JwksCache {
    /// Creates a cache without keys. The cache fetches the keys when a request first needs keys.
    pub(crate) fn new(
        name: IssuerName,
        client: JwksClient,
        file: Option<JwksCacheFile>,
        allowed: AllowedAlgorithms,
        settings: KeySettings,
        clock: SharedClock,
        scheduler: Arc<RefreshScheduler>,
    ) -> Self {
        Self { client: Some(client), file, ..Self::empty(name, allowed, settings, clock, scheduler) }
    }

    /// Creates a cache of static keys, which are never refreshed.
    pub(crate) fn with_static_keys(
        name: IssuerName,
        document: &[u8],
        allowed: AllowedAlgorithms,
        clock: SharedClock,
        scheduler: Arc<RefreshScheduler>,
    ) -> Result<Self, KeyFetchError> {
        let cache = Self::empty(name, allowed, KeySettings::default(), clock, scheduler);
        let keys = cache.parse(document, &KeySet::default())?;
        let installed =
            InstalledKeys::new(&cache.name, keys, KeyLife::endless(cache.clock.now()), Bytes::new());
        cache.replace_installed(installed);
        Ok(cache)
    }

    /// Creates a cache without a client and without keys.
    fn empty(
        name: IssuerName,
        allowed: AllowedAlgorithms,
        settings: KeySettings,
        clock: SharedClock,
        scheduler: Arc<RefreshScheduler>,
    ) -> Self {
        let policy = KeyRefreshPolicy::new(settings);
        Self {
            name,
            client: None,
            file: None,
            allowed,
            settings,
            clock,
            skipped_keys: SkippedKeyLog::default(),
            scheduler,
            installed: ArcSwapOption::empty(),
            refreshes: SharedTask::new(),
            state: Mutex::new(RefreshState {
                policy,
                is_scheduled: false,
                last_error: None,
                is_stopped: false,
            }),
            next_refresh: AtomicU64::new(0),
        }
    }

    /// Returns the installed keys. Returns no keys if none are installed, or if the installed keys
    /// have expired. If the installed keys are stale, starts a refresh in the background.
    pub(crate) fn current(self: &Arc<Self>, now: SystemTime) -> CurrentKeys {
        let installed = self.installed.load();
        let Some(keys) = installed.as_ref() else { return installed };
        match keys.life().freshness(now) {
            Freshness::Fresh => installed,
            Freshness::Stale => {
                let wait = self.next_refresh.load(Ordering::Relaxed).saturating_sub(unix_millis(now));
                // No pause is that long, so the clock was set back. The policy handles that case.
                let is_too_long = Duration::from_millis(wait) > self.settings.longest_pause();
                if wait == 0 || is_too_long {
                    drop(self.refresh_because(RefreshCause::Schedule, Some(keys), now));
                }
                installed
            }
            Freshness::Expired => Guard::from_inner(None),
        }
    }

    /// Starts or joins a refresh for a token that no key of `seen` verifies. `seen` is `None` if
    /// there were no trusted keys.
    pub(crate) fn refresh(
        self: &Arc<Self>,
        seen: Option<&Arc<InstalledKeys>>,
        now: SystemTime,
    ) -> RefreshStatus {
        self.refresh_because(RefreshCause::of_request(seen), seen, now)
    }

    /// Returns the pause until a refresh is allowed to begin, for a request that does not wait any
    /// longer. No key of `seen` verifies the token of the request. Starts no refresh.
    pub(crate) fn pause(&self, seen: Option<&Arc<InstalledKeys>>, now: SystemTime) -> RefreshPause {
        if self.client.is_none() {
            return RefreshPause::without_attempt(true);
        }
        let state = self.state();
        match self.refreshes.running() {
            Some(_) => RefreshPause::without_attempt(false),
            None => state.policy.pause(RefreshCause::of_request(seen), now),
        }
    }

    /// Returns the error of the last refresh if a retry is unlikely to succeed. Returns `None` if a
    /// retry can succeed, or if the last refresh has succeeded.
    pub(crate) fn permanent_failure(&self) -> Option<String> {
        self.state().last_error.as_ref().filter(|error| !error.is_transient).map(|error| error.text.clone())
    }

    /// Starts a refresh, joins the running refresh, or returns why no refresh begins.
    ///
    /// The decision is made under the lock. A refresh installs its keys before it ends, so a
    /// request that finds no running refresh sees the keys of the last refresh.
    fn refresh_because(
        self: &Arc<Self>,
        cause: RefreshCause,
        seen: Option<&Arc<InstalledKeys>>,
        now: SystemTime,
    ) -> RefreshStatus {
        if self.client.is_none() {
            return RefreshStatus::NotYet(RefreshPause::without_attempt(true));
        }
        let mut state = self.state();
        if state.is_stopped {
            return RefreshStatus::NotYet(RefreshPause::without_attempt(false));
        }
        let pause = state.policy.remaining_pause(cause, now);
        match self.refreshes.running() {
            // A refresh takes less time than the pause that begins with it. If a refresh is still
            // running after its pause, its runtime has stalled, and a new refresh replaces the
            // stalled refresh.
            Some(waiter) if !pause.is_zero() => return RefreshStatus::Running(waiter),
            _ if self.has_newer_than(seen, now) => return RefreshStatus::Newer,
            _ => {}
        }
        if !pause.is_zero() {
            return RefreshStatus::NotYet(state.policy.pause(cause, now));
        }
        let Ok(runtime) = Handle::try_current() else {
            // Without a runtime, no keys can be fetched. For 1 s, requests with stale keys need not
            // take the lock to find that out.
            self.next_refresh.store(unix_millis(now).saturating_add(1000), Ordering::Relaxed);
            return RefreshStatus::NotYet(RefreshPause::without_attempt(false));
        };
        // No limits: the policy's pause decides when a refresh has stalled.
        let (attempt, waiter) = self.refreshes.begin(TaskLimits::UNLIMITED);
        state.policy.begin(now);
        self.publish_next_refresh(&state, now);
        let is_scheduled = replace(&mut state.is_scheduled, true);
        drop(state);
        // Spawned outside the lock: a runtime that is shutting down drops a new task immediately,
        // and dropping a refresh takes the lock.
        runtime.spawn(refresh::run(Arc::clone(self), attempt, cause));
        if !is_scheduled {
            let cache = Arc::downgrade(self);
            self.scheduler.add(cache);
        }
        self.scheduler.ensure_running(&runtime);
        RefreshStatus::Running(waiter)
    }

    /// Returns whether the installed keys are trusted and are not `seen`, the keys that the request
    /// has tried.
    fn has_newer_than(&self, seen: Option<&Arc<InstalledKeys>>, now: SystemTime) -> bool {
        let installed = self.installed.load();
        let Some(installed) = installed.as_ref() else { return false };
        let is_other = seen.is_none_or(|seen| !Arc::ptr_eq(seen, installed));
        is_other && installed.life().freshness(now) != Freshness::Expired
    }

    /// Returns the installed keys, even if they have expired.
    pub(super) fn installed(&self) -> Option<Arc<InstalledKeys>> {
        self.installed.load_full()
    }

    /// Returns whether no refresh has begun after the refresh with the number `attempt`.
    pub(super) fn is_latest(&self, attempt: u64) -> bool {
        self.refreshes.is_current(attempt)
    }

    /// Installs `keys`, the result of the refresh with the number `attempt`, unless a later refresh
    /// has begun. Returns whether the keys were installed.
    pub(super) fn install(&self, keys: InstalledKeys, attempt: u64, source: &KeySource) -> bool {
        let now = self.clock.now();
        let mut state = self.state();
        if !self.refreshes.is_current(attempt) {
            return false;
        }
        match source {
            KeySource::File { .. } => state.policy.loaded(keys.life()),
            KeySource::Issuer { .. } => state.policy.fetched(keys.life(), now),
        }
        state.last_error = None;
        self.replace_installed(keys);
        self.publish_next_refresh(&state, now);
        true
    }

    /// Records that the refresh with the number `attempt` was dropped with its runtime, so that
    /// another refresh can begin.
    pub(super) fn record_dropped(&self, attempt: u64) {
        let now = self.clock.now();
        let mut state = self.state();
        if self.refreshes.is_current(attempt) {
            state.policy.dropped(now);
            self.publish_next_refresh(&state, now);
        }
    }

    /// Records and logs the error of the refresh with the number `attempt`. The next refresh begins
    /// after a backoff.
    pub(super) fn record_failure(&self, error: &KeyFetchError, attempt: u64) {
        let now = self.clock.now();
        let mut state = self.state();
        if !self.refreshes.is_current(attempt) {
            return;
        }
        state.policy.failed(now, (self.settings.random)());
        state.last_error = Some(LastError { text: with_causes(error), is_transient: error.is_transient() });
        let failures = state.policy.failures();
        self.publish_next_refresh(&state, now);
        drop(state);
        let age = self.installed.load().as_ref().map(|keys| keys.life().age(now));
        events::refresh_failed(&self.name, error, failures, age);
    }

    /// Parses a key set that replaces `before`, and logs the skipped entries.
    pub(super) fn parse(&self, document: &[u8], before: &KeySet) -> Result<Arc<KeySet>, KeyFetchError> {
        let parsed = KeySet::parse(document, &self.allowed, before, &self.skipped_keys.hasher);
        match &parsed {
            Ok((_, skipped)) => self.skipped_keys.log(self.name.as_str(), skipped, true),
            Err(KeyFetchError::NoUsableKey(SkippedKeys(skipped))) => {
                self.skipped_keys.log(self.name.as_str(), skipped, false);
            }
            Err(_) => {}
        }
        parsed.map(|(keys, _)| Arc::new(keys))
    }

    /// Returns the URL of the issuer, for the cache file. Returns an empty text for static keys.
    pub(super) fn issuer(&self) -> &str {
        self.client.as_ref().map_or("", JwksClient::issuer)
    }

    /// Stores the time of the next refresh where requests read it without the lock. Notifies the
    /// refresh task.
    fn publish_next_refresh(&self, state: &RefreshState, now: SystemTime) {
        self.next_refresh.store(unix_millis(state.policy.next_refresh(now)), Ordering::Relaxed);
        self.scheduler.notify();
    }

    /// Installs keys that never become stale.
    #[cfg(test)]
    pub(crate) fn replace_keys(&self, keys: KeySet) {
        let life = KeyLife::endless(self.clock.now());
        self.replace_installed(InstalledKeys::new(&self.name, Arc::new(keys), life, Bytes::new()));
    }

    #[cfg(test)]
    pub(crate) fn wake_refresh_task(&self) {
        self.scheduler.notify();
    }

    /// Returns the health of the keys. Starts no refresh.
    pub(crate) fn health(&self) -> JwksHealth {
        let now = self.clock.now();
        let state = self.state();
        let installed = self.installed.load();
        let installed = installed.as_ref();
        // Static keys were not fetched.
        let fetched = installed.filter(|_| self.client.is_some());
        JwksHealth {
            state: match installed.map(|keys| keys.life().freshness(now)) {
                None => JwksState::Unavailable,
                Some(Freshness::Fresh) => JwksState::Fresh,
                Some(Freshness::Stale) => JwksState::Stale,
                Some(Freshness::Expired) => JwksState::Expired,
            },
            keys: installed.map_or(0, |installed| installed.keys.len()),
            fetched_at: fetched.map(|keys| keys.life().fetched_at),
            age: fetched.map(|keys| keys.life().age(now)),
            next_refresh: self.client.is_some().then(|| state.policy.next_refresh(now)),
            failures: state.policy.failures(),
            last_error: state.last_error.as_ref().map(|error| error.text.clone()),
        }
    }

    /// Locks the state. The state stays usable after another thread has panicked while it held the
    /// lock.
    fn state(&self) -> MutexGuard<'_, RefreshState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
