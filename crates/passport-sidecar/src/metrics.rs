//! The names of log targets and metrics. No field and no label contains a secret or a token.

pub(crate) const TARGET: &str = "passport_sidecar";
pub(crate) const ACCESS: &str = "passport_sidecar::access";

pub(crate) const REQUESTS: &str = "passport_sidecar_requests_total";
pub(crate) const DURATION: &str = "passport_sidecar_request_duration_seconds";
pub(crate) const CONNECTIONS: &str = "passport_sidecar_connections";
pub(crate) const CONNECTIONS_REJECTED: &str = "passport_sidecar_connections_rejected_total";
pub(crate) const CONNECTIONS_FORBIDDEN: &str = "passport_sidecar_connections_forbidden_total";
pub(crate) const FORWARDED: &str = "passport_sidecar_forwarded_requests";
pub(crate) const FORWARDED_REJECTED: &str = "passport_sidecar_forwarded_requests_rejected_total";
