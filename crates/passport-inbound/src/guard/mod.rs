//! The middleware that lets only some callers through.
//!
//! It stands inside of an [`AuthenticateLayer`](crate::AuthenticateLayer) and reads the
//! [`IdInfo`](crate::IdInfo) that one has left. If there is none, the stack is wired wrong: nobody passes, the caller
//! gets 500, and an error event tells the operator which layer is missing.

mod future;
mod layer;
mod look;
mod outcome;
mod path;
mod permission;
mod remote;
mod requirement;
mod rule;
mod service;

pub(crate) use self::look::Look;
pub use self::{
    future::RequireFuture,
    layer::{RequireLayer, RequireServiceAccountLayer},
    permission::RolePermissions,
    remote::{PermissionCheck, PermissionUnknown},
    requirement::Requirement,
    rule::RequestHead,
    service::Require,
};

#[cfg(test)]
mod tests;
