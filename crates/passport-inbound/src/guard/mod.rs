//! The middleware that lets only some callers through.
//!
//! It stands inside of an [`AuthenticateLayer`](crate::AuthenticateLayer) and reads the
//! [`IdInfo`](crate::IdInfo) that one has left. If there is none, the stack is wired wrong: nobody passes, the caller
//! gets 500, and an error event tells the operator which layer is missing.

mod future;
mod layer;
mod requirement;
mod service;

pub use self::{
    future::RequireFuture, layer::RequireServiceAccountLayer, requirement::Requirement, service::Require,
};
