//! Checks whether the secrets that a configuration refers to can be read on this machine.

use std::{collections::HashSet, time::Duration};

use passport_config::ConfigRegistry;
use passport_core::{SecretError, SecretErrorKind, SecretProviders, SecretSource};
use tokio::time::timeout;

use super::SidecarConfig;

/// Schemes of providers that need no network.
const LOCAL: [&str; 3] = ["env", "file", "systemd"];

/// Limits the time to read one secret. A file on a hung mount fails sooner.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The check of one reference to a secret, see [`SidecarConfig::check_secrets`].
#[derive(Debug)]
pub struct CheckedSecret {
    /// The path of the key, such as `identities.erp.client_secret_ref`.
    pub key: String,
    /// The result of the check.
    pub outcome: SecretCheck,
}

/// The result of checking one reference to a secret.
#[derive(Debug)]
pub enum SecretCheck {
    /// The secret was read.
    Read {
        /// Unusual characters of the secret, such as "has quotes around it": each one continues a
        /// sentence that begins with "the secret". Empty for most secrets.
        warnings: Vec<&'static str>,
    },
    /// The secret was not read, because it is in a vault. Contains the reference.
    Skipped(String),
    /// The secret cannot be read, and no other reference of the key is usable.
    Unreadable(SecretError),
    /// The secret cannot be read, but another reference of the key can, or is in a vault.
    FallbackAvailable(SecretError),
}

impl SidecarConfig {
    /// Reads the secrets that need no network: those with a reference of `env:`, `file:` or
    /// `systemd:`. Each reference of a list is checked separately. Reading one takes at most 10 s.
    ///
    /// Invalid references are not in the result.
    /// [`SidecarServer::new`](crate::SidecarServer::new) reports them.
    pub async fn check_secrets(&self, registry: &ConfigRegistry) -> Vec<CheckedSecret> {
        let mut checked = Vec::new();
        for (key, source) in self.secret_sources(registry) {
            checked.push(CheckedSecret { key, outcome: check(&source).await });
        }
        mark_fallbacks(checked)
    }

    fn secret_sources(&self, registry: &ConfigRegistry) -> Vec<(String, SecretSource)> {
        let tokens = self.callers.iter().filter_map(|(name, caller)| {
            let source = SecretProviders::default().source(None, caller.token_ref.as_deref()?).ok()?;
            Some((format!("callers.{name}.token_ref"), source))
        });
        self.identities().secret_sources(registry).into_iter().chain(tokens).collect()
    }
}

/// Marks unreadable references of keys that have another usable one.
fn mark_fallbacks(checked: Vec<CheckedSecret>) -> Vec<CheckedSecret> {
    let is_usable = |outcome: &SecretCheck| !matches!(outcome, SecretCheck::Unreadable(_));
    let usable = checked.iter().filter(|secret| is_usable(&secret.outcome));
    let usable: HashSet<_> = usable.map(|secret| secret.key.clone()).collect();
    let marked = checked.into_iter().map(|CheckedSecret { key, outcome }| match outcome {
        SecretCheck::Unreadable(error) if usable.contains(&key) => {
            CheckedSecret { key, outcome: SecretCheck::FallbackAvailable(error) }
        }
        outcome => CheckedSecret { key, outcome },
    });
    marked.collect()
}

async fn check(source: &SecretSource) -> SecretCheck {
    let reference = source.reference();
    if !LOCAL.contains(&reference.scheme()) {
        return SecretCheck::Skipped(reference.to_string());
    }
    let timed_out = |_| {
        let reason = format!("timed out after {} s", TIMEOUT.as_secs());
        Err(SecretError::new(SecretErrorKind::Unavailable, reference.clone(), reason))
    };
    match timeout(TIMEOUT, source.resolve()).await.unwrap_or_else(timed_out) {
        Ok(read) => SecretCheck::Read { warnings: read.secret().warnings() },
        Err(error) => SecretCheck::Unreadable(error),
    }
}
