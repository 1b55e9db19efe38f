//! Middleware that authorizes requests.
//!
//! 1. The caller is the [`IdInfo`](crate::IdInfo) in the request's extensions, from an
//!    [`AuthenticateLayer`](crate::AuthenticateLayer) outside this layer. Without that layer,
//!    every request is rejected with 500, and an error event names the missing layer. Behind an
//!    [`optional`](crate::AuthenticateLayer::optional) layer, a request without a caller is
//!    rejected with 401.
//! 2. If the requirement depends on the path, a path that HTTP implementations parse differently
//!    is rejected with 403.
//! 3. The requirement is evaluated against the token and the request, in `call` and without I/O.
//! 4. If the result still depends on a [`PermissionChecker`], the future waits for it. If the
//!    check fails, the request is rejected with 503.
//! 5. A request that does not meet the requirement is rejected with 403, or `PERMISSION_DENIED`
//!    on gRPC. The inner service never sees a rejected request.

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
