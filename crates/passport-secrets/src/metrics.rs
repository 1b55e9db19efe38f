//! The names of metrics, and the target of log events.

/// The target of this crate's log events.
pub(crate) const TARGET: &str = "passport_secrets";

/// The counter of reads from providers.
pub(crate) const READS: &str = "passport_secrets_reads_total";
/// The counter of failed reads while a secret was cached, and of callers that got the cached secret
/// because a read was slow.
pub(crate) const STALE: &str = "passport_secrets_stale_total";
/// The gauge of the expiry of each secret.
pub(crate) const EXPIRY: &str = "passport_secrets_expiry_timestamp_seconds";
/// The counter of reads that returned another secret than the read before.
pub(crate) const ROTATIONS: &str = "passport_secrets_rotations_total";
