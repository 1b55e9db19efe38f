//! Managed identities, and clients with their tokens, from a file or from the environment.
//!
//! serde reads a [`ManagedIdentityConfig`] with the names of the .NET options; which crate finds
//! and merges the files is up to the application. Building it reports every mistake at once, each
//! with its key, its value (never a secret) and the remedy.
//!
//! ```
//! use passport_config::ManagedIdentityConfig;
//!
//! let config: ManagedIdentityConfig = serde_json::from_str(
//!     r#"{
//!         "client_id": "mi-erp-sync-clientid",
//!         "client_secret_ref": "env:ERP_SYNC_SECRET",
//!         "base_url": "https://erp.bizfirst.ai"
//!     }"#,
//! )?;
//! # #[cfg(feature = "reqwest")]
//! let erp = config.http_client()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to look
//!
//! | | | in the repository |
//! |---|---|---|
//! | one identity | [`ManagedIdentityConfig`] | `docs/configuration.md` |
//! | several identities by name | [`ManagedIdentitiesConfig`], [`ManagedIdentities`] | `docs/configuration.md` |
//! | secret providers and stores that a configuration may name | [`ConfigRegistry`] | `docs/secrets.md`, `docs/caching.md` |
//! | a third-party store | [`StoreFactory`], [`Setting`], [`Reader`] | `docs/caching.md` |
//!
//! # Features
//!
//! | | |
//! |---|---|
//! | `reqwest` (default) | typed clients: `ManagedIdentityHttpClient` of `passport-outbound` |

mod kubernetes;
mod outbound;
mod problems;
mod reader;
mod secret_detection;
mod setting;
mod suggestions;
mod table;
mod value;

pub use crate::{
    outbound::{
        ConfigRegistry, ManagedIdentities, ManagedIdentitiesConfig, ManagedIdentityConfig, StoreFactory,
    },
    reader::Reader,
    setting::{AnySetting, Setting},
    suggestions::suggestion,
    value::{ConfigValue, InvalidValue, SecretReference, SecretReferences},
};
