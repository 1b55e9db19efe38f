//! Who did what: an event for each call of a managed identity and for each refusal.
//!
//! The layer stands outside of the [`AuthenticateLayer`](crate::AuthenticateLayer), so that it sees refusals, too. It leaves a slot
//! in the request's extensions, into which the authenticating layer writes who calls; what became of the call it reads from the
//! response. It only looks: nothing that it, or a sink, does changes an answer.

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
