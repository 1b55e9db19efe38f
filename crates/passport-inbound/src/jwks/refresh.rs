use std::{sync::Arc, time::Duration};

use passport_core::Lead;

use super::{
    JwksSource, KeyKeeper, KeySet,
    cache::Snapshot,
    client::Question,
    error::FetchError,
    events,
    persistence::{KeyFileError, SavedKeys},
    refresh_policy::{Cause, Freshness, Life},
};

/// An attempt to have newer keys, on its way. One that panics has failed like any other. One that
/// is dropped with its runtime, or with the call that started it, says nothing of the issuer:
/// another may start immediately.
pub(super) struct Attempt {
    keeper: Arc<KeyKeeper>,
    number: u64,
    cause: Cause,
    /// Taken when there is an outcome.
    lead: Option<Lead<()>>,
}

/// What an attempt has brought.
struct Brought {
    snapshot: Snapshot,
    origin: Origin,
}

/// Where keys came from.
pub(super) enum Origin {
    File { age: Duration },
    Issuer { is_news: bool },
}

impl Attempt {
    pub(super) fn new(keeper: Arc<KeyKeeper>, number: u64, cause: Cause, lead: Lead<()>) -> Self {
        Self { keeper, number, cause, lead: Some(lead) }
    }

    pub(super) async fn run(mut self) {
        let keeper = Arc::clone(&self.keeper);
        let outcome = self.brought().await;
        let Some(lead) = self.lead.take() else { return };
        let to_save = match outcome {
            Ok(brought) => self.install(brought),
            Err(error) => {
                keeper.note_failure(&error, self.number);
                None
            }
        };
        lead.land(());
        if let (Some(keys), Some(file)) = (to_save, &keeper.file) {
            let saved = file.save(keeper.issuer(), keys).await;
            let _ = saved.inspect_err(|error| events::key_file_failed(file.path(), error));
        }
    }

    /// Gives what is to be saved: what the issuer has said, and is the latest.
    fn install(&self, brought: Brought) -> Option<SavedKeys> {
        let keeper = &self.keeper;
        let Brought { snapshot, origin } = brought;
        let (usable, fetched_at) = (snapshot.keys.len(), snapshot.life.fetched_at);
        let document = snapshot.document.clone();
        if !keeper.install(snapshot, self.number, &origin) {
            return None;
        }
        match origin {
            Origin::File { age } => {
                events::keys_loaded(keeper.issuer(), usable, fetched_at, age);
                None
            }
            Origin::Issuer { is_news } => {
                events::keys_installed(keeper.issuer(), usable, fetched_at, is_news);
                Some(SavedKeys { fetched_at, document })
            }
        }
    }

    /// Keys from the file, or else from the issuer. One that was left waiting and is not the latest any more asks nobody.
    async fn brought(&self) -> Result<Brought, FetchError> {
        let Some(source) = self.keeper.source.as_ref().filter(|_| self.is_latest()) else {
            return Err(FetchError::Lost);
        };
        if let Some(saved) = self.saved().await {
            return Ok(saved);
        }
        if self.is_latest() { self.fetched(source).await } else { Err(FetchError::Lost) }
    }

    fn is_latest(&self) -> bool {
        self.keeper.is_latest(self.number)
    }

    /// Keys from the file, if there are none yet. They are believed for as long as they would have been if the service had
    /// not ended; if they are due, the timer sees it next.
    async fn saved(&self) -> Option<Brought> {
        let keeper = &self.keeper;
        let file = keeper.file.as_ref().filter(|_| keeper.held().is_none())?;
        let loaded = match file.load(keeper.issuer()).await {
            Ok(None) => return None,
            Ok(Some(saved)) => self.believed(saved),
            Err(error) => Err(error),
        };
        loaded.inspect_err(|error| events::key_file_failed(file.path(), error)).ok()
    }

    fn believed(&self, saved: SavedKeys) -> Result<Brought, KeyFileError> {
        let keeper = &self.keeper;
        let now = keeper.clock.now();
        let life = Life::new(&keeper.settings, saved.fetched_at, None, (keeper.settings.chance)());
        // Saved in the future, they may be of any age.
        if life.freshness(now) == Freshness::Expired || saved.fetched_at > now {
            return Err(KeyFileError::NotBelieved);
        }
        let keys = keeper.parsed(&saved.document, &KeySet::default());
        let keys = keys.map_err(|_| KeyFileError::NoUsableKey)?;
        let snapshot = Snapshot::new(keys, life, saved.document);
        Ok(Brought { snapshot, origin: Origin::File { age: life.age(now) } })
    }

    async fn fetched(&self, source: &JwksSource) -> Result<Brought, FetchError> {
        let keeper = &self.keeper;
        let asked_at = keeper.clock.now();
        let held = keeper.held();
        let is_scheduled = self.cause == Cause::Schedule;
        let question = Question {
            // A new key may be under an old name, which not every issuer's version shows; and what
            // a cache on the way has kept is of no use then.
            held: held.as_ref().filter(|_| is_scheduled).and_then(|held| held.version.as_ref()),
            may_be_cached: is_scheduled,
        };
        let fetched = source.fetch(question).await?;
        if let Some(theirs) = fetched.head.time {
            events::clock_difference(
                keeper.issuer(),
                theirs,
                asked_at..keeper.clock.now(),
                keeper.settings.clock_skew,
            );
        }
        let (keys, document, fresh_for, is_news) = match (fetched.document, held) {
            (Some(document), held) => {
                let before = held.map(|held| Arc::clone(&held.keys)).unwrap_or_default();
                let keys = keeper.parsed(&document, &before).inspect_err(|_| source.forget())?;
                let is_news = !before.is_same_as(&keys);
                (keys, document, fetched.head.fresh_for, is_news)
            }
            (None, Some(held)) => {
                // What a confirmation does not say again still holds (RFC 9111, section 4.3.4).
                let fresh_for = fetched.head.fresh_for.or(held.fresh_for);
                (Arc::clone(&held.keys), held.document.clone(), fresh_for, false)
            }
            // Nobody is asked for newer keys than none.
            (None, None) => return Err(FetchError::NotAKeySet),
        };
        let life = Life::new(&keeper.settings, asked_at, fresh_for, (keeper.settings.chance)());
        let version = fetched.version;
        let snapshot = Snapshot { version, fresh_for, ..Snapshot::new(keys, life, document) };
        Ok(Brought { snapshot, origin: Origin::Issuer { is_news } })
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.lead.is_some() {
            if std::thread::panicking() {
                self.keeper.note_failure(&FetchError::Lost, self.number);
            } else {
                self.keeper.note_loss(self.number);
            }
        }
    }
}
