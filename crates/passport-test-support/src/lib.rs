//! Test support for several test binaries of this workspace. This crate is not published.
//!
//! Each module has a feature, so that a test builds only what it uses. Test support that needs
//! the private types of a library is in that library's `test_support`.
//!
//! | Feature | Module | Provides |
//! |---|---|---|
//! | `harness` | `harness` | both sides of a call, configured for a dev Passport |
//! | `key-vault` | `key_vault` | a local Azure Key Vault and Entra ID |
//! | `logs` | `logs` | captured log lines |
//! | `metrics` | `metrics` | captured metrics |
//! | `processes` | `processes`, `python`, `skip` | child processes, and skipped tests |
//! | `servers` | `certificates`, `servers` | TLS certificates, servers and clients on loopback |
//! | `tokens` | `tokens` | the claims of a token |

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "only tests call this crate"
)]

#[cfg(feature = "servers")]
pub mod certificates;
#[cfg(feature = "harness")]
pub mod harness;
#[cfg(feature = "key-vault")]
pub mod key_vault;
#[cfg(feature = "logs")]
pub mod logs;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "processes")]
pub mod processes;
#[cfg(feature = "processes")]
pub mod python;
#[cfg(feature = "servers")]
pub mod servers;
#[cfg(feature = "processes")]
pub mod skip;
#[cfg(feature = "tokens")]
pub mod tokens;
