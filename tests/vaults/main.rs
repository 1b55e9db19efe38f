//! Vaults: what is read from them by the clients of those who make them, and what comes of all that may go wrong.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod aws;
mod azure;
mod hashicorp;
mod key_vault;
mod python;
mod reader;
mod rotation;
mod tls;
mod vault_server;
