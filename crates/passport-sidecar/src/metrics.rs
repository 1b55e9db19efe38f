//! The names of log targets and metrics. No field and no label contains a secret or a token.

/// The log target of the crate, except for the access log.
pub(crate) const TARGET: &str = "passport_sidecar";
/// The log target of the access log.
pub(crate) const ACCESS: &str = "passport_sidecar::access";

/// Counter of requests, by `route`, `status` and `error`.
pub(crate) const REQUESTS: &str = "passport_sidecar_requests_total";
/// Histogram of the time until a response begins, by `route`.
pub(crate) const DURATION: &str = "passport_sidecar_request_duration_seconds";
/// Gauge of open connections, by `listener`.
pub(crate) const CONNECTIONS: &str = "passport_sidecar_connections";
/// Counter of connections beyond the limits, by `listener`.
pub(crate) const CONNECTIONS_REJECTED: &str = "passport_sidecar_connections_rejected_total";
/// Counter of connections of users that are no callers.
pub(crate) const CONNECTIONS_FORBIDDEN: &str = "passport_sidecar_connections_forbidden_total";
/// Gauge of forwarded requests in flight.
pub(crate) const FORWARDED: &str = "passport_sidecar_forwarded_requests";
/// Counter of requests that are not forwarded because of a `limit`.
pub(crate) const FORWARDED_REJECTED: &str = "passport_sidecar_forwarded_requests_rejected_total";
