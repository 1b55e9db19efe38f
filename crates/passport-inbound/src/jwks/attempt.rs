use std::sync::Arc;

use passport_core::Lead;

use super::{
    FetchError, JwksSource, KeyKeeper, KeySet,
    keeper::Snapshot,
    machine::{Cause, Freshness, Life},
    saved::{KeyFileError, SavedKeys},
};
use crate::telemetry::{self, KeyMeters};

/// An attempt to have newer keys, on its way. One that is lost (its task panicked, its runtime went away) has failed like any
/// other.
pub(super) struct Attempt {
    keeper: Arc<KeyKeeper>,
    number: u64,
    cause: Cause,
    /// Taken when there is an outcome.
    lead: Option<Lead<()>>,
}

impl Attempt {
    pub(super) fn new(keeper: Arc<KeyKeeper>, number: u64, cause: Cause, lead: Lead<()>) -> Self {
        Self { keeper, number, cause, lead: Some(lead) }
    }

    pub(super) async fn run(mut self) {
        let keeper = Arc::clone(&self.keeper);
        let Some(source) = &keeper.source else { return };
        let (installed, is_saved) = match self.saved().await {
            Some(saved) => (Ok(saved), true),
            None => (self.fetched(source).await, false),
        };
        let Some(lead) = self.lead.take() else { return };
        let document = match installed {
            Ok(snapshot) => {
                let document = (snapshot.life.fetched_at, snapshot.document.clone());
                keeper.install(snapshot, self.number, self.cause);
                (!is_saved).then_some(document)
            }
            Err(error) => {
                keeper.note_failure(&error, self.number);
                None
            }
        };
        lead.land(());
        if let (Some((fetched_at, document)), Some(file)) = (document, &keeper.file) {
            let saved = file.save(keeper.issuer(), SavedKeys { fetched_at, document }).await;
            let _ = saved.inspect_err(|error| telemetry::key_file_failed(file.path(), error));
        }
    }

    /// Keys from the file, if there are none yet. They are believed for as long as they would have been if the service had
    /// not ended; if they are due, the timer sees it next.
    async fn saved(&self) -> Option<Snapshot> {
        let keeper = &self.keeper;
        let file = keeper.file.as_ref().filter(|_| keeper.held().is_none())?;
        let loaded = match file.load(keeper.issuer()).await {
            Ok(None) => return None,
            Ok(Some(saved)) => self.believed(saved),
            Err(error) => Err(error),
        };
        loaded.inspect_err(|error| telemetry::key_file_failed(file.path(), error)).ok()
    }

    fn believed(&self, saved: SavedKeys) -> Result<Snapshot, KeyFileError> {
        let keeper = &self.keeper;
        let now = keeper.clock.now();
        let life = Life::new(&keeper.settings, saved.fetched_at, None, (keeper.settings.chance)());
        // Saved in the future, they may be of any age.
        if life.freshness(now) == Freshness::Expired || saved.fetched_at > now {
            return Err(KeyFileError::NotBelieved);
        }
        let keys = self.parsed(&saved.document).map_err(|_| KeyFileError::NoUsableKey)?;
        telemetry::keys_loaded(keeper.issuer(), keys.len(), saved.fetched_at, life.age(now));
        Ok(Snapshot {
            keys,
            meters: KeyMeters::new(),
            life,
            version: None,
            fresh_for: None,
            document: saved.document,
        })
    }

    async fn fetched(&self, source: &JwksSource) -> Result<Snapshot, FetchError> {
        let keeper = &self.keeper;
        let asked_at = keeper.clock.now();
        let held = keeper.held();
        let version = held.as_ref().and_then(|held| held.version.as_ref());
        // Whoever looks for a new key has no use for what a cache on the way has kept.
        let may_be_cached = self.cause == Cause::Schedule;
        let fetched = source.fetch(version, may_be_cached).await?;
        if let Some(theirs) = fetched.head.time {
            telemetry::clocks(
                keeper.issuer(),
                theirs,
                asked_at..keeper.clock.now(),
                keeper.settings.clock_skew,
            );
        }
        let (keys, document, fresh_for) = match (fetched.document, held) {
            (Some(document), held) => {
                let keys = self.parsed(&document).inspect_err(|_| source.forget())?;
                let is_news = held.is_none_or(|held| !held.keys.is_same_as(&keys));
                telemetry::keys_installed(keeper.issuer(), keys.len(), asked_at, is_news);
                (keys, document, fetched.head.fresh_for)
            }
            (None, Some(held)) => {
                telemetry::keys_installed(keeper.issuer(), held.keys.len(), asked_at, false);
                // What a confirmation does not say again still holds (RFC 9111, section 4.3.4).
                let fresh_for = fetched.head.fresh_for.or(held.fresh_for);
                (Arc::clone(&held.keys), held.document.clone(), fresh_for)
            }
            // Nobody is asked for newer keys than none.
            (None, None) => return Err(FetchError::NotAKeySet),
        };
        let life = Life::new(&keeper.settings, asked_at, fresh_for, (keeper.settings.chance)());
        Ok(Snapshot { keys, meters: KeyMeters::new(), life, version: fetched.version, fresh_for, document })
    }

    fn parsed(&self, document: &[u8]) -> Result<Arc<KeySet>, FetchError> {
        let keeper = &self.keeper;
        let held = keeper.held().map(|held| Arc::clone(&held.keys)).unwrap_or_default();
        let (keys, skipped) = KeySet::parse(document, &keeper.allowed, &held, &keeper.marks)?;
        keeper.report(&keys, &skipped);
        Ok(Arc::new(keys))
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.lead.is_some() {
            self.keeper.note_failure(&FetchError::Lost, self.number);
        }
    }
}
