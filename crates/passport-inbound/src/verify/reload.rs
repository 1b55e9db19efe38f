//! Replaces the trusted issuers of a verifier while it is in use.

use std::{
    fmt,
    sync::{Arc, PoisonError},
};

use passport_core::ConfigError;

use super::{
    builder::{self, TokenVerifierBuilder},
    issuer_entry::IssuerEntry,
    issuer_table::IssuerTable,
    pipeline::Pipeline,
};
use crate::{issuers::IssuerName, metrics::TARGET};

impl Pipeline {
    /// Replaces the trusted issuers, and returns what has changed. If an option is invalid, nothing
    /// changes.
    pub(super) fn replace(&self, builder: TokenVerifierBuilder) -> Result<IssuerChanges, ConfigError> {
        let mut state = self.reload.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.issuers.load_full();
        let needs_restart = self.fixed.differences(&builder.fixed_options());
        let after = builder::reload(builder, self, &mut state, &before.entries)?;
        let changes = IssuerChanges::between(&before.entries, &after, needs_restart);
        let is_kept = |own: &Arc<IssuerEntry>| after.iter().any(|entry| Arc::ptr_eq(own, entry));
        let has_kept_keys =
            |own: &Arc<IssuerEntry>| after.iter().any(|entry| Arc::ptr_eq(&own.jwks, &entry.jwks));
        let (retired, stopped): (Vec<_>, Vec<_>) = (
            before.entries.iter().filter(|own| !is_kept(own)).collect(),
            before.entries.iter().filter(|own| !has_kept_keys(own)).collect(),
        );
        self.issuers.store(Arc::new(IssuerTable::new(after.clone())));
        // From here on, cached tokens of these issuers are verified again.
        retired.iter().for_each(|entry| entry.retire());
        stopped.iter().for_each(|entry| entry.jwks.stop());
        tracing::info!(target: TARGET, "trusted issuers replaced: {changes}");
        Ok(changes)
    }
}

/// What [`TokenVerifier::replace`](crate::TokenVerifier::replace) has changed. Its `Display`
/// prints one line for a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuerChanges {
    added: Vec<IssuerName>,
    changed: Vec<IssuerName>,
    removed: Vec<IssuerName>,
    unchanged: Vec<IssuerName>,
    needs_restart: Vec<&'static str>,
}

impl IssuerChanges {
    /// Returns the issuers that were not trusted before.
    #[must_use]
    pub fn added(&self) -> &[IssuerName] {
        &self.added
    }

    /// Returns the issuers with changed options. Their cached tokens are verified again.
    /// Their keys are kept, unless the source of the keys or the algorithms have changed.
    #[must_use]
    pub fn changed(&self) -> &[IssuerName] {
        &self.changed
    }

    /// Returns the issuers that are no longer trusted. Their tokens are rejected from now on.
    #[must_use]
    pub fn removed(&self) -> &[IssuerName] {
        &self.removed
    }

    /// Returns the issuers that keep their keys and cached tokens.
    #[must_use]
    pub fn unchanged(&self) -> &[IssuerName] {
        &self.unchanged
    }

    /// Returns the options that have changed, but that a verifier cannot change while it is in use.
    /// They have an effect after a restart.
    #[must_use]
    pub fn needs_restart(&self) -> &[&'static str] {
        &self.needs_restart
    }

    /// Returns whether the new options are those that the verifier had before.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        [&self.added, &self.changed, &self.removed].iter().all(|names| names.is_empty())
            && self.needs_restart.is_empty()
    }

    /// Compares the entries before and after a reload.
    pub(super) fn between(
        before: &[Arc<IssuerEntry>],
        after: &[Arc<IssuerEntry>],
        needs_restart: Vec<&'static str>,
    ) -> Self {
        let mut changes = Self { needs_restart, ..Self::default() };
        for entry in after {
            let same_issuer = before.iter().find(|own| own.options.issuer == entry.options.issuer);
            let list = match same_issuer {
                None => &mut changes.added,
                Some(own) if Arc::ptr_eq(own, entry) => &mut changes.unchanged,
                Some(_) => &mut changes.changed,
            };
            list.push(entry.name.clone());
        }
        let is_removed =
            |own: &&Arc<IssuerEntry>| !after.iter().any(|entry| entry.options.issuer == own.options.issuer);
        changes.removed.extend(before.iter().filter(is_removed).map(|entry| entry.name.clone()));
        changes
    }
}

/// Prints one line for a log.
impl fmt::Display for IssuerChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [("added", &self.added), ("changed", &self.changed), ("removed", &self.removed)];
        for (what, names) in lists.iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "{what} {names:?}, ")?;
        }
        write!(f, "{} unchanged", self.unchanged.len())?;
        if !self.needs_restart.is_empty() {
            write!(f, ", restart needed for {}", self.needs_restart.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
