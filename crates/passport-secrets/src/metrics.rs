//! The names of metrics, and the target of log events.

/// The target of this crate's log events.
pub(crate) const TARGET: &str = "passport_secrets";

/// The counter of reads from providers.
pub(crate) const READS: &str = "passport_secrets_reads_total";
/// The counter of the use of cached secrets that are not fresh. It counts failed reads while a
/// secret was cached, and callers that got the cached secret because a read was slow.
pub(crate) const STALE: &str = "passport_secrets_stale_total";
/// The gauge of the time at which each secret expires, as Unix time in seconds.
pub(crate) const EXPIRY: &str = "passport_secrets_expiry_timestamp_seconds";
/// The counter of rotations: reads that returned another secret than the previous read.
pub(crate) const ROTATIONS: &str = "passport_secrets_rotations_total";
