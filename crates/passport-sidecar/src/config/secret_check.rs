//! The secrets that a configuration refers to, and whether they can be read here.

use std::{collections::HashSet, time::Duration};

use passport_config::ConfigRegistry;
use passport_core::{SecretError, SecretErrorKind, SecretProviders, SecretSource};
use tokio::time::timeout;

use super::SidecarConfig;

/// Schemes of providers that need no network.
const LOCAL: [&str; 3] = ["env", "file", "systemd"];

/// How long reading one secret may take. A file that hangs fails before.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A secret that a configuration refers to.
#[derive(Debug)]
pub struct CheckedSecret {
    /// The path of its key: `identities.erp.client_secret_ref`.
    pub key: String,
    /// The result of reading it.
    pub outcome: SecretCheck,
}

/// The result of reading a secret.
#[derive(Debug)]
pub enum SecretCheck {
    /// It was read.
    Read {
        /// What is unusual about it, each as the end of a sentence. Empty for most secrets.
        warnings: Vec<&'static str>,
    },
    /// It is in a vault, to which no request is sent. The reference.
    NotTried(String),
    /// It cannot be read, and neither can another reference of its key.
    Unreadable(SecretError),
    /// It cannot be read, but another reference of its key can, or is in a vault.
    Bypassed(SecretError),
}

impl SidecarConfig {
    /// Reads the secrets that the configuration refers to, as far as that needs no network: those
    /// whose reference is `env:`, `file:` or `systemd:`. Each reference of a list is checked
    /// separately.
    ///
    /// References that are not valid are left out: [`SidecarServer::new`](crate::SidecarServer::new) reports them.
    pub async fn check_secrets(&self, registry: &ConfigRegistry) -> Vec<CheckedSecret> {
        let mut checked = Vec::new();
        for (key, source) in self.secret_sources(registry) {
            checked.push(CheckedSecret { key, outcome: check(&source).await });
        }
        bypassed(checked)
    }

    fn secret_sources(&self, registry: &ConfigRegistry) -> Vec<(String, SecretSource)> {
        let tokens = self.callers.iter().filter_map(|(name, caller)| {
            let source = SecretProviders::default().source(None, caller.token_ref.as_deref()?).ok()?;
            Some((format!("callers.{name}.token_ref"), source))
        });
        self.identities().secret_sources(registry).into_iter().chain(tokens).collect()
    }
}

/// Marks references that cannot be read where another one of the same key may have the secret.
fn bypassed(checked: Vec<CheckedSecret>) -> Vec<CheckedSecret> {
    let is_usable = |outcome: &SecretCheck| !matches!(outcome, SecretCheck::Unreadable(_));
    let usable = checked.iter().filter(|secret| is_usable(&secret.outcome));
    let usable: HashSet<_> = usable.map(|secret| secret.key.clone()).collect();
    let marked = checked.into_iter().map(|CheckedSecret { key, outcome }| match outcome {
        SecretCheck::Unreadable(error) if usable.contains(&key) => {
            CheckedSecret { key, outcome: SecretCheck::Bypassed(error) }
        }
        outcome => CheckedSecret { key, outcome },
    });
    marked.collect()
}

async fn check(source: &SecretSource) -> SecretCheck {
    let reference = source.reference();
    if !LOCAL.contains(&reference.scheme()) {
        return SecretCheck::NotTried(reference.to_string());
    }
    let late = |_| {
        let reason = format!("it did not answer within {} s", TIMEOUT.as_secs());
        Err(SecretError::new(SecretErrorKind::Unavailable, reference.clone(), reason))
    };
    match timeout(TIMEOUT, source.resolve()).await.unwrap_or_else(late) {
        Ok(read) => SecretCheck::Read { warnings: read.secret().warnings() },
        Err(error) => SecretCheck::Unreadable(error),
    }
}
