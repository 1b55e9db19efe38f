//! Middleware that authorizes requests.
//!
//! 1. The caller is the [`IdInfo`](crate::IdInfo) in the request's extensions. An
//!    [`AuthenticateLayer`](crate::AuthenticateLayer) outside this layer has stored it. Without
//!    an `AuthenticateLayer`, every request is rejected with 500, and an error event names the
//!    missing layer. Behind an [`optional`](crate::AuthenticateLayer::optional) layer, a request
//!    without a caller is rejected with 401.
//! 2. If the requirement depends on the path, a request with an ambiguous path is rejected with
//!    403. A path is ambiguous if HTTP implementations parse it differently.
//! 3. The requirement is evaluated against the token and the request, in `call` and without I/O.
//! 4. If the result still depends on a [`PermissionChecker`], the future waits for the
//!    permission check. If the result depends on a check that returns an error, the request is
//!    rejected with 503.
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
