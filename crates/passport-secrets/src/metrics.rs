//! The names of metrics, and the target of log events.

/// The target of log events.
pub(crate) const TARGET: &str = "passport_secrets";

pub(crate) const READS: &str = "passport_secrets_reads_total";
pub(crate) const STALE: &str = "passport_secrets_stale_total";
pub(crate) const EXPIRY: &str = "passport_secrets_expiry_timestamp_seconds";
pub(crate) const ROTATIONS: &str = "passport_secrets_rotations_total";
