//! The token proxy: one process on a machine has the credentials of managed identities, and the services there get tokens from it,
//! in whatever language they are written.
//!
//! `passport-sidecar` is a binary; `docs/sidecar.md` in the repository says how it is configured, started and called. This is what
//! it is made of, for whoever wants it in a program of their own:
//!
//! ```no_run
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! use passport_sidecar::{Sidecar, SidecarConfig};
//!
//! let config = SidecarConfig::read(Some("sidecar.toml".as_ref()))?;
//! let sidecar = Sidecar::new(config, passport_outbound::Providers::default())?;
//! sidecar.serve(std::future::pending()).await?;
//! # Ok(()) }
//! ```

mod access_log;
mod admin;
mod caller_token;
mod callers;
mod config;
mod connection;
mod doors;
mod guard;
mod hardening;
mod inject;
mod interface;
mod open_files;
mod providers;
mod refusal;
mod router;
mod shares;
mod sidecar;
mod telemetry;
mod tokens;
mod validate;

pub use crate::{
    config::{CheckedSecret, ReadError, SecretCheck, SidecarConfig},
    hardening::harden,
    providers::providers,
    sidecar::{ServeError, Sidecar},
    telemetry::recorder,
};
