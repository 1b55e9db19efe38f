//! The names of metrics, and the target of log events.

/// The target of log events.
pub(crate) const TARGET: &str = "passport_redis";

pub(crate) const REJECTED: &str = "passport_redis_rejected_values_total";
pub(crate) const CONNECTIONS: &str = "passport_redis_connections_total";
