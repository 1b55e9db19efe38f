//! Checks whether the secrets that a configuration refers to can be read on this machine.

use std::{collections::HashSet, time::Duration};

use passport_config::{ConfigRegistry, VerifierConfig};
use passport_core::{SecretError, SecretErrorKind, SecretProviders, SecretSource};
use tokio::time::timeout;

use super::SidecarConfig;

/// Schemes of the secret providers that need no network. `--check` reads only the references
/// with these schemes.
const LOCAL: [&str; 3] = ["env", "file", "systemd"];

/// The time limit of reading one secret. Reading a file on a hung mount fails sooner, because
/// the file provider has a shorter limit.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A reference to a secret, and whether the secret could be read. See
/// [`SidecarConfig::check_secrets`].
#[derive(Debug)]
pub struct CheckedSecret {
    /// The path of the configuration key that contains the reference, such as
    /// `identities.erp.client_secret_ref`.
    pub key: String,
    /// Whether the secret could be read.
    pub outcome: SecretCheck,
}

/// The result for one secret: whether the secret was read, or why it was not read.
#[derive(Debug)]
pub enum SecretCheck {
    /// The secret was read.
    Read {
        /// Unusual characters that the secret contains, such as "has quotes around it". Each text
        /// continues a sentence that begins with "the secret". Empty for most secrets.
        warnings: Vec<&'static str>,
    },
    /// The secret was not read, because it is in a vault. The text is the reference to the secret.
    Skipped(String),
    /// The secret cannot be read, and the key has no other reference that can replace it.
    Unreadable(SecretError),
    /// The secret cannot be read, but the key has another reference. The secret of the other
    /// reference can be read, or is in a vault.
    FallbackAvailable(SecretError),
}

impl SidecarConfig {
    /// Checks whether the secrets of the configuration can be read. Reads only the secrets that
    /// need no network: those with a reference that begins with `env:`, `file:` or `systemd:`. The
    /// result of any other secret is [`SecretCheck::Skipped`]. If a key has a list of references,
    /// each reference has a separate result. Reading one secret takes at most 10 s.
    ///
    /// References that cannot be parsed are not in the result.
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
        let validate =
            self.validate.clone().map(|validate| validate.with_secrets(registry.secrets().clone()));
        let validate = validate.iter().flat_map(VerifierConfig::secret_sources);
        let validate = validate.map(|(key, source)| (format!("validate.{key}"), source));
        self.identities().secret_sources(registry).into_iter().chain(tokens).chain(validate).collect()
    }
}

/// Replaces [`SecretCheck::Unreadable`] by [`SecretCheck::FallbackAvailable`] if the same key
/// has another reference whose secret was read or skipped.
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
