//! Identities: the service's own managed identity, and the identity of the service's caller.

mod builder;
mod caller;
mod managed;
mod scopes;
mod selection;
mod spec;
mod status;

#[cfg(test)]
pub(crate) use self::spec::IdentitySpec;
pub use self::{
    builder::ManagedIdentityBuilder,
    caller::CallerIdentity,
    managed::ManagedIdentity,
    selection::{Identity, RequestIdentity},
    status::IdentityStatus,
};
pub(crate) use self::{caller::CallerTokenError, selection::SelectedIdentity};
