//! Middleware that records audit events: each call of a managed identity, and each rejected
//! request.
//!
//! 1. The layer is outside the [`AuthenticateLayer`](crate::AuthenticateLayer), so that it sees
//!    the rejections.
//! 2. It adds an empty cell to the request's extensions, in which the `AuthenticateLayer` stores
//!    the caller. It reads status and rejection from the response.
//! 3. The event is recorded when the response begins. A request that is dropped before that, or
//!    fails in the inner service, is recorded without a status.
//! 4. Neither the layer nor a sink changes the response. If a sink panics, its event is lost and
//!    the request continues.

mod event;
mod future;
mod layer;
mod service;

pub(crate) use self::event::AuditedCaller;
pub use self::{
    event::{AuditEvent, AuditSink},
    future::AuditFuture,
    layer::AuditLayer,
    service::Audit,
};

#[cfg(test)]
mod tests;
