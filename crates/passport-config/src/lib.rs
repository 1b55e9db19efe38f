//! Configuration of managed identities and HTTP clients from files or environment variables.
//!
//! serde deserializes a [`ManagedIdentityConfig`] from any format and with any configuration
//! crate. The keys have the names of the .NET options. Building the identity reports all
//! mistakes in one error. Each mistake has its key, its value (never a secret) and the remedy.
//!
//! ```toml
//! [dependencies]
//! passport-config = { version = "0.1" }
//! serde_json = "1"
//! ```
//!
//! # Features
//!
//! | Feature | Adds |
//! |---|---|
//! | `reqwest` (default) | typed clients, the `ManagedIdentityHttpClient` of `passport-outbound` |
//!
//! # Example
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
//! # Concepts
//!
//! - [`ManagedIdentityConfig`] configures one identity, and an HTTP client that uses the
//!   identity.
//! - [`ManagedIdentitiesConfig`] configures several identities by name, and builds
//!   [`ManagedIdentities`].
//! - [`ConfigRegistry`] contains the secret providers and the token stores that a configuration
//!   can name.
//! - [`StoreFactory`] adds a type of token store. The settings of the store are a struct of
//!   [`Setting`]s. A [`Reader`] parses the settings.
//! - [`ConfigValue`] adds a type of setting values.
//!
//! # Guide
//!
//! In the repository: `docs/configuration.md`, `docs/secrets.md`, `docs/caching.md`,
//! `docs/from-dotnet.md`. `docs/config.schema.json` is a JSON Schema for editors.

#![cfg_attr(docsrs, feature(doc_cfg))]

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
    value::{ConfigValue, InvalidValue, SecretRefValue, SecretRefValues},
};
