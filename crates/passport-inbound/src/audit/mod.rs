//! Middleware that records audit events: each call of a service account, and each rejected
//! request.
//!
//! 1. The audit layer is outside the [`AuthenticateLayer`](crate::AuthenticateLayer), so that
//!    the audit layer sees the rejections.
//! 2. The audit layer adds an empty cell to the request's extensions. The `AuthenticateLayer`
//!    stores the caller in this cell. The audit layer reads the status and the rejection from
//!    the response.
//! 3. The event is recorded when the response begins. If the request is dropped before the
//!    response, or fails in the inner service, the event has no status.
//! 4. Neither the audit layer nor a sink changes the response. If a sink panics, the event is
//!    lost and the request continues.

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
