//! Secrets from vaults, and every failure of a vault. The vendors' own clients check the
//! stand-ins.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod aws;
mod azure;
mod hashicorp;
mod python;
mod reader_process;
mod rotation;
mod vault_server;
