//! The names of metrics, and the target of log events.

/// The target of this crate's log events.
pub(crate) const TARGET: &str = "passport_redis";

/// The counter of invalid values in Redis.
pub(crate) const REJECTED: &str = "passport_redis_rejected_values_total";
/// The counter of established connections.
pub(crate) const CONNECTIONS: &str = "passport_redis_connections_total";
