//! The secrets that a configuration refers to, and whether they can be read here.

use std::time::Duration;

use passport_core::{SecretError, SecretErrorKind, SecretProviders, SecretSource};
use passport_outbound::Providers;
use tokio::time::timeout;

use super::SidecarConfig;

/// Providers that need no network.
const LOCAL: [&str; 3] = ["env", "file", "systemd"];

/// How long one secret may take. A file that hangs ends before.
const PATIENCE: Duration = Duration::from_secs(10);

/// A secret that a configuration refers to.
#[derive(Debug)]
pub struct CheckedSecret {
    /// The path of its key: `identities.erp.client_secret_ref`.
    pub key: String,
    /// What came of reading it.
    pub outcome: SecretCheck,
}

/// What came of reading a secret.
#[derive(Debug)]
pub enum SecretCheck {
    /// It was read.
    Read {
        /// What is unusual about it, each as the end of a sentence. Empty for most secrets.
        suspicions: Vec<&'static str>,
    },
    /// It is in a vault, which is not asked. The reference.
    NotTried(String),
    /// It cannot be read.
    Unreadable(SecretError),
}

impl SidecarConfig {
    /// Reads the secrets that the configuration refers to, as far as that needs no network: those
    /// whose reference is `env:`, `file:` or `systemd:`. Of several references in a list the first
    /// one counts.
    ///
    /// What is not valid is left out: [`Sidecar::new`](crate::Sidecar::new) reports it.
    pub async fn check_secrets(&self, providers: &Providers) -> Vec<CheckedSecret> {
        let mut checked = Vec::new();
        for (key, source) in self.secret_sources(providers) {
            checked.push(CheckedSecret { key, outcome: check(&source).await });
        }
        checked
    }

    fn secret_sources(&self, providers: &Providers) -> Vec<(String, SecretSource)> {
        let tokens = self.callers.iter().filter_map(|(name, caller)| {
            let source = SecretProviders::default().source(None, caller.token_ref.as_deref()?).ok()?;
            Some((format!("callers.{name}.token_ref"), source))
        });
        self.identities().secret_sources(providers).into_iter().chain(tokens).collect()
    }
}

async fn check(source: &SecretSource) -> SecretCheck {
    let reference = source.reference();
    if !LOCAL.contains(&reference.scheme()) {
        return SecretCheck::NotTried(reference.to_string());
    }
    let late = |_| {
        let reason = format!("it did not answer within {} s", PATIENCE.as_secs());
        Err(SecretError::new(SecretErrorKind::Unavailable, reference.clone(), reason))
    };
    match timeout(PATIENCE, source.resolve()).await.unwrap_or_else(late) {
        Ok(read) => SecretCheck::Read { suspicions: read.secret().suspicions() },
        Err(error) => SecretCheck::Unreadable(error),
    }
}
