//! The configuration of managed identities.
//!
//! Values are stored as they were read. They are checked when an identity is built, all of them, so
//! that one run reports every mistake.

mod identities;
mod identity;
mod identity_keys;
mod options;
mod problems;
mod registry;
mod schema;
mod secret_sources;
mod sidecar_store;

pub use self::{
    identities::{ManagedIdentities, ManagedIdentitiesConfig},
    identity::ManagedIdentityConfig,
    registry::{Providers, StoreKind, StoreSettings},
};

#[cfg(test)]
mod tests;
