//! Whose token a request gets: the service's own, or its caller's.

mod builder;
mod caller;
mod managed;
mod selection;
mod spec;
mod status;

#[cfg(test)]
pub(crate) use self::spec::IdentitySpec;
pub use self::{
    builder::ManagedIdentityBuilder,
    caller::CallerIdentity,
    managed::ManagedIdentity,
    selection::{Identity, InTheNameOf},
    status::IdentityStatus,
};
pub(crate) use self::{caller::CallerTokenError, selection::SelectedIdentity};
