use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use arc_swap::{ArcSwapOption, Guard};
use bytes::Bytes;
use passport_core::{Clock, SharedTask, TaskLimits, Waiter, unix_millis, with_causes};
use tokio::{runtime::Handle, sync::watch};

use super::{
    client::JwksClient,
    error::{KeyFetchError, SkippedKeys},
    events,
    health::{JwksHealth, JwksState},
    installed_keys::{CurrentKeys, InstalledKeys},
    key_life::{Freshness, KeyLife},
    key_set::KeySet,
    persistence::KeyFile,
    refresh::{self, KeySource},
    refresh_policy::{KeyRefreshPolicy, RefreshCause, RefreshPause},
    refresh_task::RefreshTask,
    settings::KeySettings,
    skipped_keys::SkippedKeyLog,
};
use crate::jwt::algorithm::AllowedAlgorithms;

/// Caches an issuer's keys: serves the last good set, and limits how often it is refreshed and how
/// long it is trusted.
#[derive(Debug)]
pub(crate) struct JwksCache {
    /// `None` for static keys.
    pub(super) client: Option<JwksClient>,
    pub(super) file: Option<KeyFile>,
    pub(crate) allowed: AllowedAlgorithms,
    pub(super) settings: KeySettings,
    pub(super) clock: Arc<dyn Clock>,
    skipped_keys: SkippedKeyLog,
    /// Notifies the refresh task that the time of the next attempt has changed.
    changed: watch::Sender<()>,
    installed: ArcSwapOption<InstalledKeys>,
    refreshes: SharedTask<()>,
    state: Mutex<RefreshState>,
    /// In milliseconds since 1970, so that callers that find the keys due need no lock to see that
    /// the next attempt may not begin yet.
    next_attempt: AtomicU64,
}

/// The state behind the one lock.
#[derive(Debug)]
struct RefreshState {
    policy: KeyRefreshPolicy,
    refresh_task: Option<RefreshTask>,
    last_error: Option<LastError>,
}

#[derive(Debug)]
struct LastError {
    text: String,
    is_transient: bool,
}

impl RefreshCause {
    /// Returns why a request needs newer keys than `seen`, of which none verifies its token.
    fn of_request(seen: Option<&Arc<InstalledKeys>>) -> Self {
        if seen.is_some() { Self::UnknownKey } else { Self::Schedule }
    }
}

/// The result of a request for newer keys.
pub(crate) enum RefreshStatus {
    /// They are being fetched.
    Running(Waiter<()>),
    /// Newer ones were installed since the caller has read them.
    Newer,
    /// An attempt may not begin yet.
    NotYet(RefreshPause),
}

impl JwksCache {
    /// Creates a cache that fetches keys when the first request needs them.
    pub(crate) fn new(
        client: JwksClient,
        file: Option<KeyFile>,
        allowed: AllowedAlgorithms,
        settings: KeySettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { client: Some(client), file, ..Self::empty(allowed, settings, clock) }
    }

    /// Creates a cache of static keys.
    pub(crate) fn fixed(
        document: &[u8],
        allowed: AllowedAlgorithms,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyFetchError> {
        let cache = Self::empty(allowed, KeySettings::default(), clock);
        let keys = cache.parsed(document, &KeySet::default())?;
        let installed = InstalledKeys::new(keys, KeyLife::endless(cache.clock.now()), Bytes::new());
        cache.installed.store(Some(Arc::new(installed)));
        Ok(cache)
    }

    fn empty(allowed: AllowedAlgorithms, settings: KeySettings, clock: Arc<dyn Clock>) -> Self {
        let policy = KeyRefreshPolicy::new(settings);
        Self {
            client: None,
            file: None,
            allowed,
            settings,
            clock,
            skipped_keys: SkippedKeyLog::default(),
            changed: watch::Sender::new(()),
            installed: ArcSwapOption::empty(),
            refreshes: SharedTask::new(),
            state: Mutex::new(RefreshState { policy, refresh_task: None, last_error: None }),
            next_attempt: AtomicU64::new(0),
        }
    }

    /// Returns the keys, if there are any that are trusted. Starts a refresh if they are due.
    pub(crate) fn current(self: &Arc<Self>, now: SystemTime) -> CurrentKeys {
        let installed = self.installed.load();
        let Some(keys) = installed.as_ref() else { return installed };
        match keys.life.freshness(now) {
            Freshness::Fresh => installed,
            Freshness::Due => {
                let left = self.next_attempt.load(Ordering::Relaxed).saturating_sub(unix_millis(now));
                // No pause is so long: the clock was set back, and the policy handles that.
                let is_too_long = Duration::from_millis(left) > self.settings.longest_pause();
                if left == 0 || is_too_long {
                    drop(self.refresh_because(RefreshCause::Schedule, Some(keys), now));
                }
                installed
            }
            Freshness::Expired => Guard::from_inner(None),
        }
    }

    /// Requests keys that are newer than `seen`, of which none verifies the caller's token.
    pub(crate) fn refresh(
        self: &Arc<Self>,
        seen: Option<&Arc<InstalledKeys>>,
        now: SystemTime,
    ) -> RefreshStatus {
        self.refresh_because(RefreshCause::of_request(seen), seen, now)
    }

    /// Starts a refresh if the keys are due, for the refresh task. Returns the time until the next.
    fn tick(self: &Arc<Self>) -> Duration {
        let now = self.clock.now();
        let installed = self.installed.load_full();
        let due = installed.as_ref().is_none_or(|held| held.life.freshness(now) != Freshness::Fresh);
        if due {
            drop(self.refresh_because(RefreshCause::Schedule, installed.as_ref(), now));
        }
        let next = self.state().policy.next_attempt(now);
        next.duration_since(now).unwrap_or_default()
    }

    /// Returns the longest time that a request waits for a refresh.
    pub(crate) fn max_wait(&self) -> Duration {
        self.settings.max_wait
    }

    /// Returns the pause for a caller that does not wait any more, and whose token no key of `seen`
    /// verifies.
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

    /// Returns why the last attempt failed, if a later one is unlikely to succeed.
    pub(crate) fn lasting_failure(&self) -> Option<String> {
        self.state().last_error.as_ref().filter(|error| !error.is_transient).map(|error| error.text.clone())
    }

    /// Everything is decided under the lock. An attempt installs its keys before it ends, so that a
    /// caller that finds none running sees the keys of the last one.
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
        let pause = state.policy.pause_left(cause, now);
        match self.refreshes.running() {
            // An attempt claims the cooldown and takes less. One that still runs after it is on a
            // stalled runtime, and another one replaces it.
            Some(waiter) if !pause.is_zero() => return RefreshStatus::Running(waiter),
            _ if self.has_newer_than(seen, now) => return RefreshStatus::Newer,
            _ => {}
        }
        if !pause.is_zero() {
            return RefreshStatus::NotYet(state.policy.pause(cause, now));
        }
        let Ok(runtime) = Handle::try_current() else {
            // Nothing can be fetched, so the next caller need not try at once.
            self.next_attempt.store(unix_millis(now).saturating_add(1000), Ordering::Relaxed);
            return RefreshStatus::NotYet(RefreshPause::without_attempt(false));
        };
        // No limits: the policy's pause decides when an attempt has stalled.
        let (attempt, waiter) = self.refreshes.begin(TaskLimits::UNLIMITED);
        state.policy.begin(now);
        self.publish_next_attempt(&state, now);
        drop(state);
        // Not under the lock: a runtime that shuts down drops a new task at once, and a refresh
        // that is dropped takes the lock.
        runtime.spawn(refresh::run(Arc::clone(self), attempt, cause));
        self.ensure_refresh_task(&runtime);
        RefreshStatus::Running(waiter)
    }

    /// Starts the refresh task with the first attempt. Replaces one that has ended with its
    /// runtime, or is on a stalled runtime.
    fn ensure_refresh_task(self: &Arc<Self>, runtime: &Handle) {
        let is_running = self.state().refresh_task.as_ref().is_some_and(RefreshTask::is_running);
        if !is_running {
            let weak = Arc::downgrade(self);
            let tick = move || weak.upgrade().map(|cache| cache.tick());
            let clock = Arc::clone(&self.clock);
            let task = RefreshTask::spawn(runtime, clock, tick, self.changed.subscribe());
            let replaced = self.state().refresh_task.replace(task);
            drop(replaced);
        }
    }

    fn has_newer_than(&self, seen: Option<&Arc<InstalledKeys>>, now: SystemTime) -> bool {
        let installed = self.installed.load();
        let Some(installed) = installed.as_ref() else { return false };
        let is_other = seen.is_none_or(|seen| !Arc::ptr_eq(seen, installed));
        is_other && installed.life.freshness(now) != Freshness::Expired
    }

    /// Returns the installed keys, trusted or not.
    pub(super) fn installed(&self) -> Option<Arc<InstalledKeys>> {
        self.installed.load_full()
    }

    /// Returns whether no later attempt has begun.
    pub(super) fn is_latest(&self, attempt: u64) -> bool {
        self.refreshes.is_current(attempt)
    }

    /// Installs `keys`, unless a later attempt has begun.
    pub(super) fn install(&self, keys: InstalledKeys, attempt: u64, source: &KeySource) -> bool {
        let now = self.clock.now();
        let mut state = self.state();
        if !self.refreshes.is_current(attempt) {
            return false;
        }
        match source {
            KeySource::File { .. } => state.policy.loaded(keys.life),
            KeySource::Issuer { .. } => state.policy.fetched(keys.life, now),
        }
        state.last_error = None;
        self.installed.store(Some(Arc::new(keys)));
        self.publish_next_attempt(&state, now);
        true
    }

    /// Records that an attempt was dropped with its runtime.
    pub(super) fn note_dropped(&self, attempt: u64) {
        let now = self.clock.now();
        let mut state = self.state();
        if self.refreshes.is_current(attempt) {
            state.policy.dropped(now);
            self.publish_next_attempt(&state, now);
        }
    }

    /// Records that an attempt has failed.
    pub(super) fn note_failure(&self, error: &KeyFetchError, attempt: u64) {
        let now = self.clock.now();
        let mut state = self.state();
        if !self.refreshes.is_current(attempt) {
            return;
        }
        state.policy.failed(now, (self.settings.chance)());
        state.last_error = Some(LastError { text: with_causes(error), is_transient: error.is_transient() });
        let failures = state.policy.failures();
        self.publish_next_attempt(&state, now);
        drop(state);
        let age = self.installed.load().as_ref().map(|held| held.life.age(now));
        events::keys_not_installed(self.issuer(), error, failures, age);
    }

    /// Parses a key set that replaces `before`, and logs the keys that are not used.
    pub(super) fn parsed(&self, document: &[u8], before: &KeySet) -> Result<Arc<KeySet>, KeyFetchError> {
        let parsed = KeySet::parse(document, &self.allowed, before, &self.skipped_keys.hasher);
        match &parsed {
            Ok((_, skipped)) => self.skipped_keys.log(self.issuer(), skipped, true),
            Err(KeyFetchError::NoUsableKey(SkippedKeys(skipped))) => {
                self.skipped_keys.log(self.issuer(), skipped, false);
            }
            Err(_) => {}
        }
        parsed.map(|(keys, _)| Arc::new(keys))
    }

    pub(super) fn issuer(&self) -> &str {
        self.client.as_ref().map_or("", JwksClient::issuer)
    }

    fn publish_next_attempt(&self, state: &RefreshState, now: SystemTime) {
        self.next_attempt.store(unix_millis(state.policy.next_attempt(now)), Ordering::Relaxed);
        self.changed.send_replace(());
    }

    #[cfg(test)]
    pub(crate) fn wake_refresh_task(&self) {
        self.changed.send_replace(());
    }

    pub(crate) fn health(&self) -> JwksHealth {
        let now = self.clock.now();
        let state = self.state();
        let installed = self.installed.load();
        let held = installed.as_ref();
        // Static keys were not fetched.
        let fetched = held.filter(|_| self.client.is_some());
        JwksHealth {
            state: match held.map(|held| held.life.freshness(now)) {
                None => JwksState::Unavailable,
                Some(Freshness::Fresh) => JwksState::Fresh,
                Some(Freshness::Due) => JwksState::Stale,
                Some(Freshness::Expired) => JwksState::Expired,
            },
            keys: held.map_or(0, |held| held.keys.len()),
            fetched_at: fetched.map(|held| held.life.fetched_at),
            age: fetched.map(|held| held.life.age(now)),
            next_attempt: self.client.is_some().then(|| state.policy.next_attempt(now)),
            failures: state.policy.failures(),
            last_error: state.last_error.as_ref().map(|error| error.text.clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, RefreshState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
