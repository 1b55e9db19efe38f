//! The names of metrics, and the target of log events.

/// The target of this crate's log events.
pub(crate) const TARGET: &str = "passport_redis";

/// The counter of invalid values in Redis.
pub(crate) const REJECTED: &str = "passport_redis_rejected_values_total";
/// The counter of denials in Redis that were skipped, by `reason`.
#[cfg(feature = "deny-list")]
pub(crate) const SKIPPED_DENIALS: &str = "passport_redis_skipped_denials_total";
/// The counter of established connections.
pub(crate) const CONNECTIONS: &str = "passport_redis_connections_total";
