//! Runs one refresh: reads the keys from the file or the issuer, installs them, and saves them.

use std::{sync::Arc, time::Duration};

use passport_core::{Attempt, TaskFailure};

use super::{
    cache::JwksCache,
    client::{FetchOptions, JwksClient},
    error::{KeyFetchError, KeyFileError},
    events,
    installed_keys::InstalledKeys,
    key_life::{Freshness, KeyLife},
    key_set::KeySet,
    persistence::SavedKeys,
    refresh_policy::RefreshCause,
};

/// A running attempt to get newer keys.
struct Refresh {
    cache: Arc<JwksCache>,
    number: u64,
    cause: RefreshCause,
}

/// The keys that an attempt has read.
struct NewKeys {
    keys: InstalledKeys,
    source: KeySource,
}

/// Where keys were read from.
pub(super) enum KeySource {
    File { age: Duration },
    Issuer { is_new: bool },
}

/// Runs an attempt. One that panics counts as failed. One that is dropped with its runtime says
/// nothing of the issuer: another may start immediately.
pub(super) fn run(
    cache: Arc<JwksCache>,
    attempt: Attempt<()>,
    cause: RefreshCause,
) -> impl Future<Output = ()> {
    let refresh = Arc::new(Refresh { cache, number: attempt.generation(), cause });
    let reading = Arc::clone(&refresh);
    attempt.run(async move { reading.new_keys().await }, move |result| refresh.complete(result))
}

/// Saves keys in a task of its own, as the attempt has an outcome before they are saved.
async fn save(cache: Arc<JwksCache>, keys: SavedKeys) {
    if let Some(file) = &cache.file {
        let saved = file.save(cache.issuer(), keys).await;
        let _ = saved.inspect_err(|error| events::key_file_failed(&file.path, error));
    }
}

impl Refresh {
    /// Records what the attempt has brought. Waiters get no outcome of one that was interrupted.
    fn complete(&self, result: Result<Result<NewKeys, KeyFetchError>, TaskFailure>) -> Option<()> {
        match result {
            Ok(Ok(new_keys)) => {
                if let Some(keys) = self.install(new_keys).filter(|_| self.cache.file.is_some()) {
                    tokio::spawn(save(Arc::clone(&self.cache), keys));
                }
                Some(())
            }
            Ok(Err(error)) => {
                self.cache.note_failure(&error, self.number);
                Some(())
            }
            Err(TaskFailure::Dropped) => {
                self.cache.note_dropped(self.number);
                None
            }
            Err(TaskFailure::Panicked | TaskFailure::DeadlineExceeded) => {
                self.cache.note_failure(&KeyFetchError::Lost, self.number);
                None
            }
        }
    }

    /// Installs the keys, and returns those to be saved: the latest ones, if the issuer has sent
    /// them.
    fn install(&self, new_keys: NewKeys) -> Option<SavedKeys> {
        let cache = &self.cache;
        let NewKeys { keys: installed, source } = new_keys;
        let (usable, fetched_at) = (installed.keys.len(), installed.life.fetched_at);
        let document = installed.document.clone();
        if !cache.install(installed, self.number, &source) {
            return None;
        }
        match source {
            KeySource::File { age } => {
                events::keys_loaded(cache.issuer(), usable, fetched_at, age);
                None
            }
            KeySource::Issuer { is_new } => {
                events::keys_installed(cache.issuer(), usable, fetched_at, is_new);
                Some(SavedKeys { fetched_at, document })
            }
        }
    }

    /// Reads keys from the file, or else fetches them from the issuer. An attempt that is not the
    /// latest any more, as it was on a stalled runtime, fetches nothing.
    async fn new_keys(&self) -> Result<NewKeys, KeyFetchError> {
        let Some(client) = self.cache.client.as_ref().filter(|_| self.is_latest()) else {
            return Err(KeyFetchError::Lost);
        };
        if let Some(saved) = self.saved().await {
            return Ok(saved);
        }
        if self.is_latest() { self.fetched(client).await } else { Err(KeyFetchError::Lost) }
    }

    fn is_latest(&self) -> bool {
        self.cache.is_latest(self.number)
    }

    /// Reads keys from the file, if none are installed yet. They are trusted for as long as if the
    /// service had never ended; if they are due, the refresh task refreshes them next.
    async fn saved(&self) -> Option<NewKeys> {
        let cache = &self.cache;
        let file = cache.file.as_ref().filter(|_| cache.installed().is_none())?;
        let loaded = match file.load(cache.issuer()).await {
            Ok(None) => return None,
            Ok(Some(saved)) => self.trusted(saved),
            Err(error) => Err(error),
        };
        loaded.inspect_err(|error| events::key_file_failed(&file.path, error)).ok()
    }

    fn trusted(&self, saved: SavedKeys) -> Result<NewKeys, KeyFileError> {
        let cache = &self.cache;
        let now = cache.clock.now();
        let life = KeyLife::new(&cache.settings, saved.fetched_at, None, (cache.settings.chance)());
        // Keys that were saved in the future may be of any age.
        if life.freshness(now) == Freshness::Expired || saved.fetched_at > now {
            return Err(KeyFileError::Untrusted);
        }
        let keys = cache.parsed(&saved.document, &KeySet::default());
        let keys = keys.map_err(|_| KeyFileError::NoUsableKey)?;
        let installed = InstalledKeys::new(keys, life, saved.document);
        Ok(NewKeys { keys: installed, source: KeySource::File { age: life.age(now) } })
    }

    async fn fetched(&self, client: &JwksClient) -> Result<NewKeys, KeyFetchError> {
        let cache = &self.cache;
        let asked_at = cache.clock.now();
        let held = cache.installed();
        let is_scheduled = self.cause == RefreshCause::Schedule;
        let options = FetchOptions {
            // A new key may have an old `kid`, which not every issuer's `ETag` reflects; and a copy
            // of a cache in between is of no use then.
            held: held.as_ref().filter(|_| is_scheduled).and_then(|held| held.version.as_ref()),
            may_be_cached: is_scheduled,
        };
        let fetched = client.fetch(options).await?;
        if let Some(theirs) = fetched.head.time {
            events::clock_difference(
                cache.issuer(),
                theirs,
                asked_at..cache.clock.now(),
                cache.settings.clock_skew,
            );
        }
        let (keys, document, fresh_for, is_new) = match (fetched.document, held) {
            (Some(document), held) => {
                let before = held.map(|held| Arc::clone(&held.keys)).unwrap_or_default();
                let keys = cache.parsed(&document, &before).inspect_err(|_| client.forget())?;
                let is_new = !before.is_same_as(&keys);
                (keys, document, fetched.head.fresh_for, is_new)
            }
            (None, Some(held)) => {
                // What a 304 does not state still holds (RFC 9111, section 4.3.4).
                let fresh_for = fetched.head.fresh_for.or(held.fresh_for);
                (Arc::clone(&held.keys), held.document.clone(), fresh_for, false)
            }
            // Without installed keys the request was not conditional.
            (None, None) => return Err(KeyFetchError::NotAKeySet),
        };
        let life = KeyLife::new(&cache.settings, asked_at, fresh_for, (cache.settings.chance)());
        let version = fetched.version;
        let installed = InstalledKeys { version, fresh_for, ..InstalledKeys::new(keys, life, document) };
        Ok(NewKeys { keys: installed, source: KeySource::Issuer { is_new } })
    }
}
