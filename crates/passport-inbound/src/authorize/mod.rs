//! Middleware that authorizes requests.
//!
//! 1. The caller is the [`IdInfo`](crate::IdInfo) that an
//!    [`AuthenticateLayer`](crate::AuthenticateLayer) outside of this layer has left. Without such
//!    a layer every request is rejected with 500, and an error event names the missing layer.
//!    Without a caller, behind an [`optional`](crate::AuthenticateLayer::optional) layer, it is
//!    401.
//! 2. If the requirement reads the path, a path that programs read differently is rejected.
//! 3. The requirement is evaluated with the token and the request; nothing waits for that.
//! 4. Only if that leaves the result open, the future waits for a [`PermissionChecker`]. If the check
//!    has no result, the request is rejected with 503.
//! 5. A request that does not meet the requirement is rejected with 403, or `PERMISSION_DENIED` on
//!    gRPC.

mod checker;
mod decision;
mod evaluate;
mod layer;
mod path_pattern;
mod request_head;
mod requirement;
mod roles;
mod rule;
mod service;

pub(crate) use self::decision::{Decision, PermissionFuture};
pub use self::{
    checker::{PermissionCheckError, PermissionChecker},
    layer::{RequireLayer, RequireServiceAccountLayer},
    request_head::RequestHead,
    requirement::Requirement,
    roles::RolePermissions,
    service::Require,
};
pub use crate::response::future::ResponseFuture as RequireFuture;

#[cfg(test)]
mod tests;
