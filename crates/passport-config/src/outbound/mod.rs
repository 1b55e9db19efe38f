//! Configuration of managed identities.
//!
//! Deserializing stores the values unparsed. Building an identity parses all values, so that one
//! run reports every mistake.

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
