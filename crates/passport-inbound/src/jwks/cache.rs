use std::{
    collections::{HashSet, hash_map::RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use arc_swap::{ArcSwapOption, Guard};
use bytes::Bytes;
use passport_core::{Clock, Flight, SingleFlight, with_causes};
use tokio::{runtime::Handle, sync::watch};

use super::{
    JwksSource, KeyHealth, KeySet, KeyState,
    client::Version,
    error::{FetchError, SkippedKey, SkippedKeys},
    events,
    meters::Meters,
    persistence::KeyFile,
    refresh::{Attempt, Origin},
    refresh_policy::{Cause, Freshness, KeySettings, Life, Machine},
    refresh_task::Timer,
};
use crate::jwt::algorithm::AllowedAlgorithms;

/// When to ask again while keys are on their way.
const SOON: Duration = Duration::from_secs(1);

/// How many odd entries of key sets are remembered, so that each is named only once.
const MOST_REPORTED: usize = 256;

/// Keeps an issuer's keys: serves the last good set, refreshes it, bounds how often and how long. `machine` decides;
/// [`Attempt`] fetches, [`Timer`] sees to it that an idle service has fresh keys, too.
#[derive(Debug)]
pub(crate) struct KeyKeeper {
    /// Where keys come from; `None` for keys that were given by hand.
    pub(super) source: Option<JwksSource>,
    pub(super) file: Option<KeyFile>,
    pub(crate) allowed: AllowedAlgorithms,
    pub(super) settings: KeySettings,
    pub(super) clock: Arc<dyn Clock>,
    /// For marks of entries, of which anyone can invent some.
    pub(super) marks: RandomState,
    /// Told when the time of the next attempt changes.
    pub(super) changed: watch::Sender<()>,
    installed: ArcSwapOption<Snapshot>,
    flights: SingleFlight<()>,
    inner: Mutex<Inner>,
    /// In milliseconds since 1970; so that callers who find the keys due need no lock to learn that it is too soon.
    next_attempt: AtomicU64,
}

/// What is decided about under the one lock.
#[derive(Debug)]
struct Inner {
    machine: Machine,
    /// The number of the attempt that counts: the last that began.
    attempt: u64,
    timer: Option<Timer>,
    last_error: Option<LastError>,
    /// The marks of odd entries that were named in the log.
    reported: HashSet<u64>,
}

impl Inner {
    fn pause(&self, cause: Cause, now: SystemTime) -> Pause {
        Pause { left: self.machine.pause_left(cause, now), is_current: self.machine.is_current() }
    }
}

#[derive(Debug)]
struct LastError {
    text: String,
    is_transient: bool,
}

/// A key set that is served.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) keys: Arc<KeySet>,
    pub(crate) meters: Meters,
    pub(super) life: Life,
    pub(super) version: Option<Version>,
    /// How long the issuer has said that it is fresh.
    pub(super) fresh_for: Option<Duration>,
    /// As it came, to be saved.
    pub(super) document: Bytes,
}

impl Snapshot {
    /// Of keys of which the issuer has said neither which version they are nor how long they are fresh.
    pub(super) fn new(keys: Arc<KeySet>, life: Life, document: Bytes) -> Self {
        Self { keys, meters: Meters::new(), life, version: None, fresh_for: None, document }
    }
}

/// Who asks for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    Request,
    Timer,
}

impl Cause {
    /// Why a request asks for newer keys than `seen`, of which none verifies its token.
    fn of_request(seen: Option<&Arc<Snapshot>>) -> Self {
        if seen.is_some() { Self::UnknownKey } else { Self::Schedule }
    }
}

/// The snapshot that is served, without a count of references: for use at once.
pub(crate) type Installed = Guard<Option<Arc<Snapshot>>>;

/// What becomes of a wish for newer keys.
pub(crate) enum Refresh {
    /// They are being fetched.
    Wait(Flight<()>),
    /// Newer ones have come since the caller looked.
    Done,
    /// It is too soon.
    TooSoon(Pause),
}

/// The time until the next attempt may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) left: Duration,
    /// Whether the issuer's latest keys are known: the last attempt succeeded and no other one is
    /// running. Only then is an unknown key or an invalid signature the fault of the caller.
    pub(crate) is_current: bool,
}

impl Pause {
    /// Of keys that cannot be fetched, for lack of a source or of a runtime.
    fn without_attempt(is_current: bool) -> Self {
        Self { left: SOON, is_current }
    }
}

impl KeyKeeper {
    /// Fetches keys when they are first asked for.
    pub(crate) fn new(
        source: JwksSource,
        file: Option<KeyFile>,
        allowed: AllowedAlgorithms,
        settings: KeySettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { source: Some(source), file, ..Self::empty(allowed, settings, clock) }
    }

    /// Has these keys and never asks anyone.
    pub(crate) fn fixed(
        document: &[u8],
        allowed: AllowedAlgorithms,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, FetchError> {
        let keeper = Self::empty(allowed, KeySettings::default(), clock);
        let keys = keeper.parsed(document, &KeySet::default())?;
        keys.take_effect();
        let snapshot = Snapshot::new(keys, Life::endless(keeper.clock.now()), Bytes::new());
        keeper.installed.store(Some(Arc::new(snapshot)));
        Ok(keeper)
    }

    fn empty(allowed: AllowedAlgorithms, settings: KeySettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            source: None,
            file: None,
            allowed,
            settings,
            clock,
            marks: RandomState::new(),
            changed: watch::Sender::new(()),
            installed: ArcSwapOption::empty(),
            flights: SingleFlight::new(),
            inner: Mutex::new(Inner {
                machine: Machine::new(settings),
                attempt: 0,
                timer: None,
                last_error: None,
                reported: HashSet::new(),
            }),
            next_attempt: AtomicU64::new(0),
        }
    }

    /// The keys, if there are any to be believed. When it is time for new ones, they are fetched in the background.
    pub(crate) fn installed(self: &Arc<Self>, now: SystemTime) -> Installed {
        let installed = self.installed.load();
        let Some(snapshot) = installed.as_ref() else { return installed };
        match snapshot.life.freshness(now) {
            Freshness::Fresh => installed,
            Freshness::Due => {
                let left = self.next_attempt.load(Ordering::Relaxed).saturating_sub(millis(now));
                // No pause is so long: the clock was set back, and the state machine knows what follows from it.
                let is_too_long = Duration::from_millis(left) > self.settings.longest_pause();
                if left == 0 || is_too_long {
                    drop(self.refresh_because(Cause::Schedule, Asker::Request, Some(snapshot), now));
                }
                installed
            }
            Freshness::Expired => Guard::from_inner(None),
        }
    }

    /// Requests keys that are newer than `seen`, of which none verifies the caller's token.
    pub(crate) fn refresh(self: &Arc<Self>, seen: Option<&Arc<Snapshot>>, now: SystemTime) -> Refresh {
        self.refresh_because(Cause::of_request(seen), Asker::Request, seen, now)
    }

    /// What time it is and whether it is time; the timer asks. Gives how long there is to wait.
    pub(super) fn tick(self: &Arc<Self>) -> Duration {
        let now = self.clock.now();
        let installed = self.installed.load_full();
        let due = installed.as_ref().is_none_or(|held| held.life.freshness(now) != Freshness::Fresh);
        if due {
            drop(self.refresh_because(Cause::Schedule, Asker::Timer, installed.as_ref(), now));
        }
        let next = self.inner().machine.next_attempt(now);
        next.duration_since(now).unwrap_or_default()
    }

    /// How long a request waits for a refresh at most.
    pub(crate) fn patience(&self) -> Duration {
        self.settings.patience
    }

    /// Returns the pause for a caller that does not wait any more, and of whose token `seen` says
    /// nothing.
    pub(crate) fn pause(&self, seen: Option<&Arc<Snapshot>>, now: SystemTime) -> Pause {
        if self.source.is_none() {
            return Pause::without_attempt(true);
        }
        let inner = self.inner();
        match self.flights.running() {
            Some(_) => Pause::without_attempt(false),
            None => inner.pause(Cause::of_request(seen), now),
        }
    }

    /// Returns why the last attempt failed, if waiting is not likely to bring keys.
    pub(crate) fn lasting_failure(&self) -> Option<String> {
        self.inner().last_error.as_ref().filter(|error| !error.is_transient).map(|error| error.text.clone())
    }

    /// Everything is decided under the lock: an attempt installs its keys before it ends, so that whoever finds none
    /// running sees what the last one has brought.
    fn refresh_because(
        self: &Arc<Self>,
        cause: Cause,
        asker: Asker,
        seen: Option<&Arc<Snapshot>>,
        now: SystemTime,
    ) -> Refresh {
        if self.source.is_none() {
            return Refresh::TooSoon(Pause::without_attempt(true));
        }
        let mut inner = self.inner();
        let pause = inner.machine.pause_left(cause, now);
        match self.flights.running() {
            // An attempt claims the cooldown and takes less. One that still runs after it sits on a runtime that nobody
            // drives; another takes its place.
            Some(flight) if !pause.is_zero() => return Refresh::Wait(flight),
            _ if self.has_newer_than(seen, now) => return Refresh::Done,
            _ => {}
        }
        if !pause.is_zero() {
            return Refresh::TooSoon(inner.pause(cause, now));
        }
        let Ok(runtime) = Handle::try_current() else {
            // Nothing to fetch on. Nobody need look again so soon.
            self.next_attempt.store(millis(now).saturating_add(1000), Ordering::Relaxed);
            return Refresh::TooSoon(Pause::without_attempt(false));
        };
        let (lead, flight) = self.flights.lead();
        inner.machine.begin(now);
        inner.attempt += 1;
        let attempt = Attempt::new(Arc::clone(self), inner.attempt, cause, lead);
        self.publish_next_attempt(&inner, now);
        drop(inner);
        // Not under the lock: a runtime that is going down drops what it is given at once, and a lost attempt takes the lock.
        runtime.spawn(attempt.run());
        if asker == Asker::Request {
            self.see_to_the_timer(&runtime);
        }
        Refresh::Wait(flight)
    }

    /// There is one from the first attempt on. One that has ended with its runtime, or is on a runtime that nobody drives, is
    /// replaced.
    fn see_to_the_timer(self: &Arc<Self>, runtime: &Handle) {
        let uptime = self.clock.uptime();
        let runs = self.inner().timer.as_ref().is_some_and(|timer| timer.runs(uptime));
        if !runs {
            let timer = Timer::start(runtime, self, uptime);
            let replaced = self.inner().timer.replace(timer);
            drop(replaced);
        }
    }

    fn has_newer_than(&self, seen: Option<&Arc<Snapshot>>, now: SystemTime) -> bool {
        let installed = self.installed.load();
        let Some(installed) = installed.as_ref() else { return false };
        let is_other = seen.is_none_or(|seen| !Arc::ptr_eq(seen, installed));
        is_other && installed.life.freshness(now) != Freshness::Expired
    }

    /// What is served at the moment, believed or not.
    pub(super) fn held(&self) -> Option<Arc<Snapshot>> {
        self.installed.load_full()
    }

    /// Whether no later attempt has begun.
    pub(super) fn is_latest(&self, attempt: u64) -> bool {
        self.inner().attempt == attempt
    }

    /// Serves `snapshot` from now on, unless a later attempt has begun: then it is not worth anything any more.
    pub(super) fn install(&self, snapshot: Snapshot, attempt: u64, origin: &Origin) -> bool {
        let now = self.clock.now();
        let mut inner = self.inner();
        if inner.attempt != attempt {
            return false;
        }
        match origin {
            Origin::File { .. } => inner.machine.loaded(snapshot.life),
            Origin::Issuer { .. } => inner.machine.fetched(snapshot.life, now),
        }
        inner.last_error = None;
        snapshot.keys.take_effect();
        let keys = Arc::clone(&snapshot.keys);
        let before = self.installed.swap(Some(Arc::new(snapshot)));
        if let Some(before) = before {
            before.keys.retire_for(&keys);
        }
        self.publish_next_attempt(&inner, now);
        true
    }

    /// Records that an attempt ended with the runtime it was on.
    pub(super) fn note_loss(&self, attempt: u64) {
        let now = self.clock.now();
        let mut inner = self.inner();
        if inner.attempt == attempt {
            inner.machine.lose(now);
            self.publish_next_attempt(&inner, now);
        }
    }

    /// Records that an attempt brought nothing.
    pub(super) fn note_failure(&self, error: &FetchError, attempt: u64) {
        let now = self.clock.now();
        let mut inner = self.inner();
        if inner.attempt != attempt {
            return;
        }
        inner.machine.fail(now, (self.settings.chance)());
        inner.last_error = Some(LastError { text: with_causes(error), is_transient: error.is_transient() });
        let failures = inner.machine.failures();
        self.publish_next_attempt(&inner, now);
        drop(inner);
        let age = self.installed.load().as_ref().map(|held| held.life.age(now));
        events::keys_not_installed(self.issuer(), error, failures, age);
    }

    /// Parses a key set that comes after `before`, and logs its odd entries.
    pub(super) fn parsed(&self, document: &[u8], before: &KeySet) -> Result<Arc<KeySet>, FetchError> {
        match KeySet::parse(document, &self.allowed, before, &self.marks) {
            Ok((keys, skipped)) => {
                self.report(&skipped, true);
                Ok(Arc::new(keys))
            }
            Err(error) => {
                if let FetchError::NoUsableKey(SkippedKeys(skipped)) = &error {
                    self.report(skipped, false);
                }
                Err(error)
            }
        }
    }

    /// Names the odd entries of a key set, each once.
    fn report(&self, skipped: &[SkippedKey], are_others_left: bool) {
        let mut inner = self.inner();
        let reported = &mut inner.reported;
        let unnamed = |entry: &&SkippedKey| reported.len() < MOST_REPORTED && reported.insert(entry.hash);
        let unnamed: Vec<_> = skipped.iter().filter(unnamed).collect();
        drop(inner);
        unnamed.into_iter().for_each(|entry| events::key_skipped(self.issuer(), entry, are_others_left));
    }

    pub(super) fn issuer(&self) -> &str {
        self.source.as_ref().map_or("", JwksSource::issuer)
    }

    fn publish_next_attempt(&self, inner: &Inner, now: SystemTime) {
        self.next_attempt.store(millis(inner.machine.next_attempt(now)), Ordering::Relaxed);
        self.changed.send_replace(());
    }

    #[cfg(test)]
    pub(crate) fn wake_the_timer(&self) {
        self.changed.send_replace(());
    }

    pub(crate) fn health(&self) -> KeyHealth {
        let now = self.clock.now();
        let inner = self.inner();
        let installed = self.installed.load();
        let held = installed.as_ref();
        // Keys that were given by hand have not come from anybody.
        let asked = held.filter(|_| self.source.is_some());
        KeyHealth {
            state: match held.map(|held| held.life.freshness(now)) {
                None => KeyState::Missing,
                Some(Freshness::Fresh) => KeyState::Fresh,
                Some(Freshness::Due) => KeyState::Due,
                Some(Freshness::Expired) => KeyState::Expired,
            },
            keys: held.map_or(0, |held| held.keys.len()),
            fetched_at: asked.map(|held| held.life.fetched_at),
            age: asked.map(|held| held.life.age(now)),
            next_attempt: self.source.is_some().then(|| inner.machine.next_attempt(now)),
            failures: inner.machine.failures(),
            last_error: inner.last_error.as_ref().map(|error| error.text.clone()),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
