//! Secret providers for Azure Key Vault, AWS Secrets Manager and HashiCorp Vault, for the client
//! secrets of `passport-outbound`. A cache reads each secret once for all callers, detects
//! rotations, and returns the last secret while the vault is down.
//!
//! ```toml
//! [dependencies]
//! passport-outbound = "0.1"
//! passport-secrets = { version = "0.1", features = ["azure-key-vault"] }
//! ```
//!
//! # Features
//!
//! | Feature | Default | Adds |
//! |---|---|---|
//! | `azure-key-vault` | no | `AzureKeyVault`, based on Microsoft's SDK |
//! | `aws-secrets-manager` | no | `AwsSecretsManager`, based on Amazon's SDK |
//! | `hashicorp-vault` | no | `HashiCorpVault`, also for OpenBao |
//!
//! [`CachedSecrets`] needs no feature.
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "azure-key-vault")]
//! # fn main() -> Result<(), passport_core::ConfigError> {
//! use passport_core::SecretProviders; // also exported by passport-outbound
//! use passport_secrets::{AzureKeyVault, CachedSecrets};
//!
//! let vault = AzureKeyVault::builder().vault("https://contoso.vault.azure.net").build()?;
//! let secrets = CachedSecrets::new(vault);
//! let providers = SecretProviders::default().with("azure_key_vault", secrets);
//! // A configuration can now refer to `azure_key_vault:payroll`.
//! # let _ = providers;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "azure-key-vault"))]
//! # fn main() {}
//! ```
//!
//! # Concepts
//!
//! - **Reference**: `scheme:path`, for example `hashicorp_vault:team/payroll#client_secret`. The
//!   scheme is the name under which the program registered the provider. Each provider documents
//!   the format of its paths.
//! - **Cache**: a provider reads the secret from the vault each time a secret is resolved. Wrap
//!   the provider in [`CachedSecrets`], so that identities share reads and an outage of the
//!   vault does not stop token fetches.
//! - **Errors**: a [`SecretError`](passport_core::SecretError) has the reference, the reason and
//!   the remedy, and never the secret. Only a definitive error of the vault (the secret does not
//!   exist, is disabled or forbidden) removes a cached secret.
//!
//! # Guide
//!
//! In the repository: `docs/secrets.md` (a configuration to copy for each vault, rotation,
//! outages), `docs/errors.md` (error messages and remedies), `docs/telemetry.md` (metrics and
//! logs).

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "aws-secrets-manager")]
mod aws;
#[cfg(feature = "azure-key-vault")]
mod azure;
mod cache;
#[cfg(feature = "_client")]
mod deadline;
#[cfg(feature = "_client")]
mod last_failure;
mod metrics;
mod read_backoff;
#[cfg(feature = "_client")]
mod sanitize;
mod secret_state;
#[cfg(test)]
#[cfg(all(feature = "aws-secrets-manager", feature = "azure-key-vault", feature = "hashicorp-vault"))]
mod tests;
#[cfg(feature = "hashicorp-vault")]
mod vault;

#[cfg(feature = "aws-secrets-manager")]
pub use crate::aws::{AwsSecretsManager, AwsSecretsManagerBuilder};
#[cfg(feature = "azure-key-vault")]
pub use crate::azure::{AzureKeyVault, AzureKeyVaultBuilder};
pub use crate::cache::CachedSecrets;
#[cfg(feature = "hashicorp-vault")]
pub use crate::vault::{HashiCorpVault, HashiCorpVaultBuilder, KvVersion, VaultAuth};
