//! The middleware that lets only some callers through.
//!
//! It stands inside of an [`AuthenticateLayer`](crate::AuthenticateLayer) and reads the
//! [`IdInfo`](crate::IdInfo) that one has left. If there is none, the stack is wired wrong: nobody passes, the caller
//! gets 500, and an error event tells the operator which layer is missing.

mod checker;
mod decision;
mod evaluate;
mod future;
mod layer;
mod path_pattern;
mod permissions;
mod requirement;
mod rule;
mod service;

pub(crate) use self::decision::{Decision, PermissionFuture};
pub use self::{
    checker::{PermissionCheck, PermissionUnknown},
    future::RequireFuture,
    layer::{RequireLayer, RequireServiceAccountLayer},
    permissions::RolePermissions,
    requirement::Requirement,
    rule::RequestHead,
    service::Require,
};

#[cfg(test)]
mod tests;
