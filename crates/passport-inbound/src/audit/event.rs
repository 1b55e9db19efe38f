//! Audit events, and the sink that logs them.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{Method, StatusCode};

use tracing::field::{DisplayValue, display};

use crate::{IdInfo, Rejection, metrics::AUDIT_TARGET, untrusted_text::Printable};

/// A request extension in which an `AuthenticateLayer` stores the caller for the audit.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditedCaller(Arc<OnceLock<IdInfo>>);

impl AuditedCaller {
    /// Stores the caller. The first call, by the outermost layer, wins.
    pub(crate) fn set(&self, caller: &IdInfo) {
        let _ = self.0.set(caller.clone());
    }

    pub(super) fn get(&self) -> Option<&IdInfo> {
        self.0.get()
    }
}

/// The outcome of a request, as far as it is known when the response begins.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditEvent<'a> {
    /// The caller, if a token was valid.
    pub caller: Option<&'a IdInfo>,
    /// The reason why the request was rejected, if it was.
    pub rejection: Option<&'a Rejection>,
    /// The method.
    pub method: &'a Method,
    /// The path as the client sent it, not escaped; below a `nest` of axum, without its prefix.
    /// Without the query, which may hold secrets.
    pub path: &'a str,
    /// The status of the response; none if the caller disconnected before there was one, or the
    /// service failed or panicked. On gRPC it is 200; see [`grpc_status`](Self::grpc_status).
    pub status: Option<StatusCode>,
    /// The gRPC status, if it is in the headers, as that of a rejection is.
    pub grpc_status: Option<u8>,
    /// The time until the response began.
    pub duration: Duration,
}

/// Receives the events of an [`AuditLayer`](super::AuditLayer): for a log, a queue, a table.
///
/// It is called within the request, so it must not block: send the event to a task with a bounded
/// queue, for example.
pub trait AuditSink: fmt::Debug + Send + Sync + 'static {
    /// Receives an event. It may be called outside of a runtime, when a request is dropped.
    ///
    /// # Panics
    /// If it panics, the event is lost, an error is logged, and the request goes on.
    fn record(&self, event: &AuditEvent<'_>);
}

/// Logs with `tracing`, target `passport_inbound::audit`: calls of managed identities in the shape of
/// Passport's `mi.api.call`, and rejections.
#[derive(Debug)]
pub(super) struct TracingSink;

impl AuditSink for TracingSink {
    fn record(&self, event: &AuditEvent<'_>) {
        let AuditEvent { caller, rejection, method, path, status, grpc_status, duration } = event;
        let managed_identity_id = caller.and_then(IdInfo::managed_identity_id).map(printable);
        let id_if = |is_service: bool| {
            let caller = caller.filter(|caller| caller.is_service_account() == is_service);
            caller.map(|caller| printable(caller.user_id()))
        };
        let (client_id, user_id) = (id_if(true), id_if(false));
        let tenant_id = caller.map(|caller| printable(caller.tenant_id()));
        let token_id = caller.and_then(IdInfo::token_id).map(printable);
        let (http_method, api_path) = (printable(method.as_str()), printable(path));
        let http_status = status.map(|status| status.as_u16());
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        match rejection {
            Some(rejection) => tracing::info!(
                target: AUDIT_TARGET, event_type = "api.refused", rejection_reason = %rejection,
                managed_identity_id, client_id, user_id, tenant_id, token_id, http_method, api_path,
                http_status, grpc_status, duration_ms,
            ),
            None if caller.is_some_and(IdInfo::is_service_account) => tracing::info!(
                target: AUDIT_TARGET, event_type = "mi.api.call", managed_identity_id, client_id,
                tenant_id, token_id, http_method, api_path, http_status, grpc_status, duration_ms,
            ),
            None => {}
        }
    }
}

fn printable(text: &str) -> DisplayValue<Printable<'_>> {
    display(Printable(text))
}
