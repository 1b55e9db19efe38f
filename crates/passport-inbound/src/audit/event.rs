//! Audit events and their sinks.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{Method, StatusCode};

use tracing::field::{DisplayValue, display};

use crate::{IdInfo, Rejection, metrics::AUDIT_TARGET, untrusted_text::Printable};

/// A request extension in which an `AuthenticateLayer` stores the caller for the audit event.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditedCaller(Arc<OnceLock<IdInfo>>);

impl AuditedCaller {
    /// Stores the caller. Only the first call of this function for a request has an effect: the
    /// call by the outermost `AuthenticateLayer`.
    pub(crate) fn set(&self, caller: &IdInfo) {
        let _ = self.0.set(caller.clone());
    }

    pub(super) fn get(&self) -> Option<&IdInfo> {
        self.0.get()
    }
}

/// An audited request: its caller, and the outcome that is known when the response begins.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditEvent<'a> {
    /// The caller. `None` if the request is anonymous or has no valid token.
    pub caller: Option<&'a IdInfo>,
    /// The reason why the request was rejected. `None` if it was not rejected.
    pub rejection: Option<&'a Rejection>,
    /// The method of the request.
    pub method: &'a Method,
    /// The path as the client sent it, not escaped. Below an axum `nest`, the path lacks the
    /// prefix. The query is never recorded, because it can contain secrets.
    pub path: &'a str,
    /// The HTTP status of the response. For gRPC, the HTTP status is 200; see
    /// [`grpc_status`](Self::grpc_status). `None` if there was no response: the client disconnected
    /// before the response, or the service failed or panicked.
    pub status: Option<StatusCode>,
    /// The gRPC status code, if it is known when the response begins: the status in the headers, or
    /// the status of a rejection. `None` if the status is in the trailers, or the response is not
    /// gRPC.
    pub grpc_status: Option<u8>,
    /// The time since the request arrived at the layer. It ends when the response begins, the
    /// request fails or the request is dropped.
    pub duration: Duration,
}

/// Receives the events of an [`AuditLayer`](super::AuditLayer) and writes them to a log, a queue
/// or a database.
///
/// ```
/// use passport_inbound::{AuditEvent, AuditLayer, AuditSink};
///
/// #[derive(Debug)]
/// struct Stdout;
///
/// impl AuditSink for Stdout {
///     fn record(&self, event: &AuditEvent<'_>) {
///         println!("{} {} {:?}", event.method, event.path, event.status);
///     }
/// }
///
/// let layer = AuditLayer::with_sink(Stdout);
/// # let _ = layer;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an `AuditSink`",
    note = "implement `AuditSink` for a struct; closures do not implement it"
)]
pub trait AuditSink: fmt::Debug + Send + Sync + 'static {
    /// Writes `event` to the destination of the sink.
    ///
    /// The layer calls this method while the response future is polled or dropped, which can be
    /// outside a tokio runtime. The method must not block: for example, it can send the event to a
    /// task through a bounded queue.
    ///
    /// # Panics
    /// If this method panics, the event is lost, an error is logged, and the request continues.
    fn record(&self, event: &AuditEvent<'_>);
}

/// A sink that logs events with `tracing`:
///
/// - a call of a managed identity, or of another issuer's service account, with the fields of
///   Passport's event `mi.api.call`;
/// - a rejected request as `api.rejected`.
///
/// Other requests are not logged.
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
        let issuer =
            caller.map(IdInfo::issuer_name).or_else(|| rejection.and_then(|rejection| rejection.issuer()));
        let issuer = issuer.map(|issuer| printable(issuer.as_str()));
        let external = caller.map(IdInfo::is_external);
        let token_id = caller.and_then(IdInfo::token_id).map(printable);
        let (http_method, api_path) = (printable(method.as_str()), printable(path));
        let http_status = status.map(|status| status.as_u16());
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        match rejection {
            Some(rejection) => tracing::info!(
                target: AUDIT_TARGET, event_type = "api.rejected", rejection_reason = %rejection,
                managed_identity_id, client_id, user_id, tenant_id, issuer, external, token_id,
                http_method, api_path, http_status, grpc_status, duration_ms,
            ),
            None if caller.is_some_and(IdInfo::is_service_account) => tracing::info!(
                target: AUDIT_TARGET, event_type = "mi.api.call", managed_identity_id, client_id,
                tenant_id, issuer, external, token_id, http_method, api_path, http_status,
                grpc_status, duration_ms,
            ),
            None => {}
        }
    }
}

fn printable(text: &str) -> DisplayValue<Printable<'_>> {
    display(Printable(text))
}
