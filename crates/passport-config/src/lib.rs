//! Configuration of managed identities, HTTP clients and token verifiers from files or
//! environment variables.
//!
//! serde deserializes a `ManagedIdentityConfig` or a `VerifierConfig` from any format and with
//! any configuration crate. The keys have the names of the .NET options. Building reports all
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
//! A service that only receives requests, or only sends them, needs only one of `inbound` and
//! `outbound`.
//!
//! | Feature | Adds |
//! |---|---|
//! | `inbound` (default) | the configuration of a `TokenVerifier` of `passport-inbound` |
//! | `outbound` (default) | the configuration of identities of `passport-outbound` |
//! | `reqwest` (default) | typed clients, the `ManagedIdentityHttpClient` of `passport-outbound` |
//!
//! # Example
//!
//! ```
//! # #[cfg(all(feature = "inbound", feature = "reqwest"))]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use passport_config::{ManagedIdentityConfig, VerifierConfig};
//!
//! let config: ManagedIdentityConfig = serde_json::from_str(
//!     r#"{
//!         "client_id": "mi-erp-sync-clientid",
//!         "client_secret_ref": "env:ERP_SYNC_SECRET",
//!         "base_url": "https://erp.bizfirst.ai"
//!     }"#,
//! )?;
//! let erp = config.http_client()?;
//!
//! let config: VerifierConfig = serde_json::from_str(r#"{ "audience": "bizfirstgo-api" }"#)?;
//! let verifier = config.build()?;
//! # Ok(()) }
//! # #[cfg(not(all(feature = "inbound", feature = "reqwest")))]
//! # fn main() {}
//! ```
//!
//! # Concepts
//!
//! - `ManagedIdentityConfig` configures one identity, and an HTTP client that uses the identity.
//! - `ManagedIdentitiesConfig` configures several identities by name, and builds
//!   `ManagedIdentities`.
//! - `VerifierConfig` configures a verifier: its trusted issuers, policies and public paths, its
//!   deny list and the metadata of the service.
//! - `ConfigRegistry` contains the secret providers and the token stores that a configuration of
//!   an identity can name.
//! - `StoreFactory` adds a type of token store. The settings of the store are a struct of
//!   [`Setting`]s. A [`Reader`] parses the settings.
//! - [`ConfigValue`] adds a type of setting values.
//!
//! # Guide
//!
//! In the repository: `docs/configuration.md`, `docs/secrets.md`, `docs/caching.md`,
//! `docs/from-dotnet.md`. For editors, `docs/config.schema.json` and `docs/verifier.schema.json`
//! are JSON Schemas.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(any(feature = "inbound", feature = "outbound")),
    expect(dead_code, reason = "without both features, only the types of settings are left")
)]

mod credentials;
#[cfg(feature = "inbound")]
mod inbound;
mod kubernetes;
#[cfg(feature = "outbound")]
mod outbound;
mod problems;
mod reader;
mod secret_detection;
mod setting;
mod suggestions;
mod table;
mod value;

#[cfg(feature = "inbound")]
pub use crate::inbound::VerifierConfig;
#[cfg(feature = "outbound")]
pub use crate::outbound::{
    ConfigRegistry, ManagedIdentities, ManagedIdentitiesConfig, ManagedIdentityConfig, StoreFactory,
};
pub use crate::{
    reader::Reader,
    setting::{AnySetting, Setting},
    suggestions::suggestion,
    value::{ConfigValue, InvalidValue, SecretRefValue, SecretRefValues},
};
