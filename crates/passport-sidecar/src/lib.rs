//! A token proxy: one process on a machine holds the credentials of managed identities, and the
//! services there get tokens from it, in any language.
//!
//! `passport-sidecar` is a binary; `docs/sidecar.md` in the repository says how it is configured,
//! started and called. This library embeds it in a program of your own:
//!
//! ```no_run
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! use passport_sidecar::{SidecarServer, SidecarConfig};
//!
//! let config = SidecarConfig::read(Some("sidecar.toml".as_ref()))?;
//! let sidecar = SidecarServer::new(config, passport_config::ConfigRegistry::default())?;
//! sidecar.serve(std::future::pending()).await?;
//! # Ok(()) }
//! ```

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
