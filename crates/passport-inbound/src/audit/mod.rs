//! Middleware that records an audit event for each call of a managed identity and for each
//! rejection.
//!
//! 1. The layer is outside of the [`AuthenticateLayer`](crate::AuthenticateLayer), so that it sees
//!    rejections.
//! 2. It leaves a cell in the request's extensions, in which the authenticating layer stores the
//!    caller. The outcome is read from the response.
//! 3. A request that is dropped before its response, or whose service fails, is recorded without a
//!    status.
//! 4. Neither the layer nor a sink changes a response; a sink that panics loses its event.

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
