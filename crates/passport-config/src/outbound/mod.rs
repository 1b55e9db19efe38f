//! The configuration of managed identities.
//!
//! Values are stored as they were read. They are checked when an identity is built, all of them, so
//! that one run reports every mistake.

mod identities;
mod identity;
mod options;
mod registry;
mod schema;
mod secret_sources;
mod settings;
mod sidecar_store;
mod store;

pub use self::{
    identities::{ManagedIdentities, ManagedIdentitiesConfig},
    identity::ManagedIdentityConfig,
    registry::ConfigRegistry,
    store::StoreFactory,
};

#[cfg(test)]
mod tests;
