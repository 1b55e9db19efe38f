//! The state of a running sidecar.

use std::sync::Arc;

use passport_inbound::TokenVerifier;

use crate::{
    admission::Admission, proxy::Proxy, request_guard::RequestGuard, request_metrics::RequestMetrics,
    tokens::TokenEndpoints,
};

/// The state of a running sidecar, which all listeners share.
pub(crate) struct AppState {
    pub(crate) guard: RequestGuard,
    pub(crate) metrics: RequestMetrics,
    pub(crate) admission: Arc<Admission>,
    pub(crate) tokens: Arc<TokenEndpoints>,
    pub(crate) proxy: Proxy,
    pub(crate) verifier: Option<TokenVerifier>,
    /// The size limit of the form of `/v1/validate` in bytes.
    pub(crate) max_form: usize,
}
