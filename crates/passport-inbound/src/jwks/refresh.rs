//! Runs one refresh: reads the keys from the cache file or the issuer, installs them, and saves
//! them in the cache file.

use std::{sync::Arc, time::Duration};

use passport_core::{Attempt, Clock, TaskError};

use super::{
    cache::JwksCache,
    client::{FetchOptions, JwksClient},
    error::{JwksCacheFileError, KeyFetchError},
    events,
    installed_keys::InstalledKeys,
    key_life::{Freshness, KeyLife},
    key_set::KeySet,
    persistence::SavedKeys,
    refresh_policy::RefreshCause,
};

/// A running refresh.
struct Refresh {
    cache: Arc<JwksCache>,
    /// The number of this refresh. Each refresh of the cache has a higher number than the refresh
    /// before it. The number shows whether a later refresh has begun.
    number: u64,
    cause: RefreshCause,
}

/// The keys that a refresh has read, before they are installed.
struct NewKeys {
    keys: InstalledKeys,
    source: KeySource,
}

/// Where a refresh has read its keys.
pub(super) enum KeySource {
    /// The cache file. `age` is the time since the issuer last sent or confirmed the keys.
    File { age: Duration },
    /// The issuer. `is_new` is false if the keys equal the keys that were installed before.
    Issuer { is_new: bool },
}

/// Runs a refresh. A refresh that panics counts as failed. A refresh that is dropped with its
/// runtime does not count as failed, so that another refresh can begin without the backoff of a
/// failure.
pub(super) fn run(
    cache: Arc<JwksCache>,
    attempt: Attempt<()>,
    cause: RefreshCause,
) -> impl Future<Output = ()> {
    let refresh = Arc::new(Refresh { cache, number: attempt.generation(), cause });
    let reader = Arc::clone(&refresh);
    attempt.run(async move { reader.load_or_fetch().await }, move |result| refresh.complete(result))
}

/// Saves keys in the cache file, if a cache file is configured. Runs in a separate task, so that
/// a slow disk does not delay the requests that wait for the refresh.
async fn save(cache: Arc<JwksCache>, keys: SavedKeys) {
    if let Some(file) = &cache.file {
        let saved = file.save(cache.issuer(), keys).await;
        let _ = saved.inspect_err(|error| events::cache_file_not_saved(&file.path, error));
    }
}

impl Refresh {
    /// Installs the keys, or records the failure. Returns `None` if the refresh was dropped or has
    /// panicked, so that all requests that wait for the refresh get an error.
    fn complete(&self, result: Result<Result<NewKeys, KeyFetchError>, TaskError>) -> Option<()> {
        match result {
            Ok(Ok(new_keys)) => {
                if let Some(keys) = self.install(new_keys).filter(|_| self.cache.file.is_some()) {
                    tokio::spawn(save(Arc::clone(&self.cache), keys));
                }
                Some(())
            }
            Ok(Err(error)) => {
                self.cache.record_failure(&error, self.number);
                Some(())
            }
            Err(TaskError::Dropped) => {
                self.cache.record_dropped(self.number);
                None
            }
            Err(TaskError::Panicked | TaskError::DeadlineExceeded) => {
                self.cache.record_failure(&KeyFetchError::Canceled, self.number);
                None
            }
        }
    }

    /// Installs the keys, unless a later refresh has begun. Returns the keys to save in the cache
    /// file. Returns `None` if the keys came from the cache file, or were not installed.
    fn install(&self, new_keys: NewKeys) -> Option<SavedKeys> {
        let cache = &self.cache;
        let NewKeys { keys: installed, source } = new_keys;
        let (usable, fetched_at) = (installed.keys.len(), installed.life().fetched_at);
        let document = installed.document.clone();
        if !cache.install(installed, self.number, &source) {
            return None;
        }
        match source {
            KeySource::File { age } => {
                events::keys_loaded(&cache.name, usable, fetched_at, age);
                None
            }
            KeySource::Issuer { is_new } => {
                events::keys_installed(&cache.name, usable, fetched_at, is_new);
                Some(SavedKeys { fetched_at, document })
            }
        }
    }

    /// Loads keys from the cache file. If that is not possible, fetches the keys from the issuer.
    /// If the runtime had stalled and a later refresh has replaced this refresh, returns
    /// [`KeyFetchError::Canceled`] and sends no request.
    async fn load_or_fetch(&self) -> Result<NewKeys, KeyFetchError> {
        let Some(client) = self.cache.client.as_ref().filter(|_| self.is_latest()) else {
            return Err(KeyFetchError::Canceled);
        };
        if let Some(loaded) = self.load().await {
            return Ok(loaded);
        }
        if self.is_latest() { self.fetch(client).await } else { Err(KeyFetchError::Canceled) }
    }

    /// Returns whether no later refresh has begun.
    fn is_latest(&self) -> bool {
        self.cache.is_latest(self.number)
    }

    /// Loads keys from the cache file. The lifetime of the keys began when the issuer sent or
    /// confirmed them. If the keys are stale, the refresh task starts the next refresh.
    ///
    /// Returns `None` if keys are already installed, if no cache file is configured, or if the file
    /// is missing or cannot be used.
    async fn load(&self) -> Option<NewKeys> {
        let cache = &self.cache;
        let file = cache.file.as_ref().filter(|_| cache.installed().is_none())?;
        let loaded = match file.load(cache.issuer()).await {
            Ok(None) => return None,
            Ok(Some(saved)) => self.check(saved),
            Err(error) => Err(error),
        };
        loaded.inspect_err(|error| events::cache_file_not_loaded(&file.path, error)).ok()
    }

    /// Parses saved keys. Returns an error if the keys have expired, if their `fetched_at` is in
    /// the future, or if no key is usable.
    fn check(&self, saved: SavedKeys) -> Result<NewKeys, JwksCacheFileError> {
        let cache = &self.cache;
        let now = cache.clock.now();
        let life = KeyLife::new(&cache.settings, saved.fetched_at, None, (cache.settings.random)());
        // If the keys are from the future, a clock was wrong, and the age of the keys is unknown.
        if life.freshness(now) == Freshness::Expired || saved.fetched_at > now {
            return Err(JwksCacheFileError::Untrusted);
        }
        let keys = cache.parse(&saved.document, &KeySet::default());
        let keys = keys.map_err(|_| JwksCacheFileError::NoUsableKey)?;
        let installed = InstalledKeys::new(&cache.name, keys, life, saved.document);
        Ok(NewKeys { keys: installed, source: KeySource::File { age: life.age(now) } })
    }

    /// Fetches keys from the issuer, and measures the difference between the issuer's clock and the
    /// local clock.
    async fn fetch(&self, client: &JwksClient) -> Result<NewKeys, KeyFetchError> {
        let cache = &self.cache;
        let requested_at = cache.clock.now();
        let current = cache.installed();
        let is_scheduled = self.cause == RefreshCause::Schedule;
        let options = FetchOptions {
            // A refresh for a token must see the issuer's latest keys. So the request bypasses HTTP
            // caches. The request is also not conditional, because some issuers do not change the
            // `ETag` when a key changes but its `kid` does not.
            installed: current.as_ref().filter(|_| is_scheduled).and_then(|keys| keys.version.as_ref()),
            allow_cached: is_scheduled,
        };
        let fetched = client.fetch(options).await?;
        if let Some(issuer_time) = fetched.head.time {
            events::clock_difference(
                &cache.name,
                issuer_time,
                requested_at..cache.clock.now(),
                cache.settings.clock_skew,
            );
        }
        let (keys, document, fresh_for, is_new) = match (fetched.document, current) {
            (Some(document), current) => {
                let before = current.map(|current| Arc::clone(&current.keys)).unwrap_or_default();
                let keys = cache.parse(&document, &before).inspect_err(|_| client.reset_location())?;
                let is_new = !before.is_same_as(&keys);
                (keys, document, fetched.head.fresh_for, is_new)
            }
            (None, Some(current)) => {
                // A header that a 304 omits keeps its value (RFC 9111, section 4.3.4).
                let fresh_for = fetched.head.fresh_for.or(current.fresh_for);
                (Arc::clone(&current.keys), current.document.clone(), fresh_for, false)
            }
            // Unreachable in practice: without installed keys the request was not conditional.
            (None, None) => return Err(KeyFetchError::NotAKeySet),
        };
        let life = KeyLife::new(&cache.settings, requested_at, fresh_for, (cache.settings.random)());
        let version = fetched.version;
        let installed =
            InstalledKeys { version, fresh_for, ..InstalledKeys::new(&cache.name, keys, life, document) };
        Ok(NewKeys { keys: installed, source: KeySource::Issuer { is_new } })
    }
}
