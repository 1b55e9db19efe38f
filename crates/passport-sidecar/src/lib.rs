#![cfg_attr(docsrs, feature(doc_cfg))]

//! A sidecar that holds the credentials of managed identities. It gives the tokens of these
//! identities to the services on the same machine. The services can be written in any language.
//!
//! The sidecar caches and refreshes the tokens, forwards requests to upstreams with a token
//! attached, and verifies tokens for services that cannot verify tokens themselves.
//!
//! # Binary
//!
//! ```console
//! passport-sidecar --config sidecar.toml --check # validates the configuration, and exits
//! passport-sidecar --config sidecar.toml
//! ```
//!
//! # Library
//!
//! The library runs the same server in another program:
//!
//! ```toml
//! [dependencies]
//! passport-sidecar = { version = "0.1", features = ["azure-key-vault"] }
//! tokio            = { version = "1", features = ["macros", "rt-multi-thread", "signal"] }
//! ```
//!
//! ```no_run
//! use passport_sidecar::{SidecarConfig, SidecarServer, registry};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let config = SidecarConfig::read(Some("sidecar.toml".as_ref()))?;
//!     let sidecar = SidecarServer::new(config, registry())?;
//!     let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
//!     sidecar.serve(stop).await?;
//!     Ok(())
//! }
//! ```
//!
//! The binary also calls [`harden`] before it reads a secret. If an admin listener is
//! configured, the binary serves the metrics of [`recorder`] ([`SidecarServer::metrics`]).
//!
//! # Features
//!
//! | Feature | Default | A configuration is allowed to name |
//! |---|---|---|
//! | `redis` | yes | a token cache in Redis |
//! | `hashicorp-vault` | yes | secrets in HashiCorp Vault |
//! | `azure-key-vault` | no | secrets in Azure Key Vault |
//! | `aws-secrets-manager` | no | secrets in AWS Secrets Manager |
//!
//! The default feature `mimalloc` sets the allocator of the binary. It has no effect on the
//! library.
//!
//! # Concepts
//!
//! - An **identity** is a managed identity of Passport. Only the sidecar knows its secret.
//! - A **caller** is a service that the configuration allows to use the sidecar. On the Unix
//!   socket, the user or group of a client's process identifies the client as a caller. On TCP,
//!   a token does. A caller gets only tokens of the identities that its table in `callers`
//!   lists.
//! - An **upstream** is a service that requests are forwarded to, with a token attached.
//! - A [`SidecarConfig`] describes the identities, callers and upstreams. [`SidecarServer::new`]
//!   reports all mistakes of a configuration together. [`SidecarConfig::check_secrets`] checks
//!   whether the local secrets of a configuration can be read.
//!
//! # Guide
//!
//! In the repository: `docs/sidecar.md` (configuration, endpoints, deployment),
//! `docs/configuration.md` (identities), `docs/secrets.md` (references to secrets) and
//! `docs/telemetry.md` (metrics and logs).

mod access_log;
mod admin;
mod admission;
mod body;
mod build;
mod caller_auth;
mod config;
mod dispatcher;
mod error;
mod gauge;
mod hardening;
mod limits;
mod listener;
mod metrics;
mod peer;
mod proxy;
mod recorder;
mod registry;
mod request_guard;
mod request_id;
mod request_metrics;
mod route;
mod router;
mod server;
mod state;
mod tokens;
mod validate;

pub use crate::{
    config::{CheckedSecret, ReadError, SecretCheck, SidecarConfig},
    hardening::harden,
    recorder::recorder,
    registry::registry,
    server::{ServeError, SidecarServer},
};
