use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{Method, StatusCode};

use crate::{IdInfo, Rejection, telemetry};

/// Into which an `AuthenticateLayer` writes who calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot(Arc<OnceLock<IdInfo>>);

impl Slot {
    /// The outermost layer that lets a caller in is the one that counts.
    pub(crate) fn note(&self, caller: &IdInfo) {
        let _ = self.0.set(caller.clone());
    }

    pub(super) fn caller(&self) -> Option<&IdInfo> {
        self.0.get()
    }
}

/// What became of a request, as far as it is known when the response begins.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditEvent<'a> {
    /// Who called, if a token was good.
    pub caller: Option<&'a IdInfo>,
    /// Why the request was not let through, if it was not.
    pub rejection: Option<&'a Rejection>,
    /// The method.
    pub method: &'a Method,
    /// The path, without the query, which may hold what nobody should write down. As it came, and escaped by nobody; below a
    /// `nest` of axum, without its prefix.
    pub path: &'a str,
    /// The status of the response; none if the caller hung up before there was one, or the service
    /// failed or panicked. On gRPC it is 200;
    /// see [`grpc_status`](Self::grpc_status).
    pub status: Option<StatusCode>,
    /// The gRPC status, if it stands in the headers, as that of a refusal does.
    pub grpc_status: Option<u8>,
    /// How long it took until the response began.
    pub duration: Duration,
}

/// Takes what an [`AuditLayer`](super::AuditLayer) has seen: to a log, a queue, a table.
///
/// It is called within the request, so it must not wait; hand the event on, to a task with a bounded queue for example.
pub trait AuditSink: fmt::Debug + Send + Sync + 'static {
    /// Takes one event. It may be called outside of a runtime, when a request is dropped.
    ///
    /// # Panics
    /// It is not to; if it does, the event is lost, an error event says so, and the request goes on.
    fn record(&self, event: &AuditEvent<'_>);
}

/// `tracing`, target `passport::audit`: calls of managed identities in the shape of Passport's `mi.api.call`, and refusals.
#[derive(Debug)]
pub(super) struct Traced;

impl AuditSink for Traced {
    fn record(&self, event: &AuditEvent<'_>) {
        telemetry::audited(event);
    }
}
