//! Test support that several test binaries of this workspace share.
//!
//! Each module has a feature of its own. Test support that needs the private types of a library is
//! in that library's `test_support`.

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
#[cfg(feature = "servers")]
pub mod servers;
#[cfg(feature = "processes")]
pub mod skip;
#[cfg(feature = "tokens")]
pub mod tokens;
