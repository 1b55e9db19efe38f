use std::sync::Arc;

use passport_core::Lead;

use super::{
    FetchError, JwksSource, KeyKeeper, KeySet,
    keeper::Snapshot,
    machine::{Cause, Freshness, Life},
    saved::SavedKeys,
};
use crate::telemetry::{self, KeyMeters};

/// An attempt to have newer keys, on its way. One that is lost (its task panicked, its runtime went away) has failed like any
/// other.
pub(super) struct Attempt {
    keeper: Arc<KeyKeeper>,
    cause: Cause,
    /// Taken when there is an outcome.
    lead: Option<Lead<()>>,
}

impl Attempt {
    pub(super) fn new(keeper: Arc<KeyKeeper>, cause: Cause, lead: Lead<()>) -> Self {
        Self { keeper, cause, lead: Some(lead) }
    }

    pub(super) async fn run(mut self) {
        let keeper = Arc::clone(&self.keeper);
        let Some(source) = &keeper.source else { return };
        let installed = match self.saved().await {
            Some(saved) => Ok(saved),
            None => self.fetched(source).await,
        };
        let Some(lead) = self.lead.take() else { return };
        let to_save = match installed {
            Ok(snapshot) => {
                let saved =
                    SavedKeys { fetched_at: snapshot.life.fetched_at, document: snapshot.document.clone() };
                keeper.install(snapshot, self.cause);
                Some(saved)
            }
            Err(error) => {
                keeper.note_failure(&error);
                None
            }
        };
        lead.land(());
        if let (Some(keys), Some(file)) = (to_save, &keeper.file)
            && let Err(error) = file.save(keeper.issuer(), keys).await
        {
            telemetry::key_file_failed(keeper.issuer(), &error);
        }
    }

    /// Keys from the file, if there are none yet. They are believed for as long as they would have been if the service had
    /// not ended; if they are due, the timer sees it next.
    async fn saved(&self) -> Option<Snapshot> {
        let keeper = &self.keeper;
        let file = keeper.file.as_ref().filter(|_| keeper.held().is_none())?;
        match file.load(keeper.issuer()).await {
            Ok(saved) => self.believed(saved?),
            Err(error) => {
                telemetry::key_file_failed(keeper.issuer(), &error);
                None
            }
        }
    }

    fn believed(&self, saved: SavedKeys) -> Option<Snapshot> {
        let keeper = &self.keeper;
        let now = keeper.clock.now();
        let life = Life::new(&keeper.settings, saved.fetched_at, None, (keeper.settings.chance)());
        // Saved in the future, they may be of any age.
        if life.freshness(now) == Freshness::Expired || saved.fetched_at > now {
            return None;
        }
        let keys = self.parsed(&saved.document).ok()?;
        telemetry::keys_loaded(keeper.issuer(), keys.len(), life.age(now));
        Some(Snapshot { keys, meters: KeyMeters::new(), life, version: None, document: saved.document })
    }

    async fn fetched(&self, source: &JwksSource) -> Result<Snapshot, FetchError> {
        let keeper = &self.keeper;
        let asked_at = keeper.clock.now();
        let held = keeper.held();
        let version = held.as_ref().and_then(|held| held.version.as_ref());
        let fetched = source.fetch(version).await?;
        let arrived_at = keeper.clock.now();
        if let Some(theirs) = fetched.head.time {
            telemetry::clocks(keeper.issuer(), theirs, asked_at..arrived_at, keeper.settings.clock_skew);
        }
        let life = Life::new(&keeper.settings, asked_at, fetched.head.fresh_for, (keeper.settings.chance)());
        let (keys, document) = match (fetched.document, held) {
            (Some(document), held) => {
                let keys = self.parsed(&document)?;
                let is_news = held.is_none_or(|held| !held.keys.is_same_as(&keys));
                telemetry::keys_installed(keeper.issuer(), keys.len(), asked_at, is_news);
                (keys, document)
            }
            (None, Some(held)) => {
                telemetry::keys_installed(keeper.issuer(), held.keys.len(), asked_at, false);
                (Arc::clone(&held.keys), held.document.clone())
            }
            // Nobody is asked for newer keys than none.
            (None, None) => return Err(FetchError::NotAKeySet),
        };
        Ok(Snapshot { keys, meters: KeyMeters::new(), life, version: fetched.version, document })
    }

    fn parsed(&self, document: &[u8]) -> Result<Arc<KeySet>, FetchError> {
        let keeper = &self.keeper;
        let held = keeper.held().map(|held| Arc::clone(&held.keys)).unwrap_or_default();
        let (keys, skipped) = KeySet::parse(document, &keeper.allowed, &held, &keeper.marks)?;
        keeper.report(&skipped);
        Ok(Arc::new(keys))
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.lead.is_some() {
            self.keeper.note_failure(&FetchError::Lost);
        }
    }
}
