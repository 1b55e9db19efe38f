//! The names of log targets and metrics. No log field and no metric label contains a secret or a
//! token.

/// The log target of the crate, except for the access log.
pub(crate) const TARGET: &str = "passport_sidecar";
/// The log target of the access log.
pub(crate) const ACCESS: &str = "passport_sidecar::access";

/// Counter of finished requests, by `route`, `status` and `error`.
pub(crate) const REQUESTS: &str = "passport_sidecar_requests_total";
/// Histogram of the time from the arrival of a request to the beginning of its response, in
/// seconds, by `route`.
pub(crate) const DURATION: &str = "passport_sidecar_request_duration_seconds";
/// Gauge of open connections, by `listener`.
pub(crate) const CONNECTIONS: &str = "passport_sidecar_connections";
/// Counter of connections that were rejected because a limit was reached, by `listener`.
pub(crate) const CONNECTIONS_REJECTED: &str = "passport_sidecar_connections_rejected_total";
/// Counter of connections on the Unix socket that were rejected because no caller is configured
/// for their uid or gid.
pub(crate) const CONNECTIONS_FORBIDDEN: &str = "passport_sidecar_connections_forbidden_total";
/// Gauge of forwarded requests in flight.
pub(crate) const FORWARDED: &str = "passport_sidecar_forwarded_requests";
/// Counter of requests that were not forwarded because a limit was reached, by `limit`.
pub(crate) const FORWARDED_REJECTED: &str = "passport_sidecar_forwarded_requests_rejected_total";
