//! Names of the metrics and log targets of this crate. `docs/telemetry.md` describes them.
//!
//! Each module records its own events. No field and no label contains a token. No label has a
//! value that a caller can choose.

/// The target of all log events except audit events.
pub(crate) const TARGET: &str = "passport_inbound";

/// The target of audit events, so that they can be shipped separately.
pub(crate) const AUDIT_TARGET: &str = "passport_inbound::audit";

/// Counter of verified tokens, by `outcome`: accepted, or the reason of the error.
pub(crate) const TOKENS: &str = "passport_inbound_tokens_total";
/// Counter of rejected requests, by `reason`.
pub(crate) const REJECTED_REQUESTS: &str = "passport_inbound_rejected_requests_total";
/// Counter of bodies that a `TokenDeadlineLayer` ended because the token expired.
pub(crate) const ENDED_STREAMS: &str = "passport_inbound_ended_streams_total";
/// Histogram of the duration of verifications, by `path`: `cold` or `hit`.
pub(crate) const VERIFICATION_SECONDS: &str = "passport_inbound_verification_duration_seconds";
/// Gauge of the number of usable keys.
pub(crate) const KEYS: &str = "passport_inbound_keys";
/// Gauge of the time at which the issuer last sent or confirmed keys, in seconds since 1970.
pub(crate) const KEYS_FETCHED_AT: &str = "passport_inbound_keys_fetched_timestamp_seconds";
/// Counter of JWKS refreshes, by `outcome`.
pub(crate) const KEY_FETCHES: &str = "passport_inbound_key_fetches_total";
/// Gauge of the time by which the issuer's clock is ahead of the local clock, in seconds.
pub(crate) const CLOCK_DIFFERENCE: &str = "passport_inbound_clock_difference_seconds";

/// The label of the metrics that are recorded for each issuer.
pub(crate) const ISSUER: &str = "issuer";

/// Increments the counter `$metric`. The label `$label` has the value that belongs to the
/// pattern of `$subject`. All values are known at compile time, so nothing is allocated.
macro_rules! count {
    ($metric:expr, $label:literal, $($pattern:pat => $value:literal,)+ ; $subject:expr) => {
        match $subject {
            $($pattern => metrics::counter!($metric, $label => $value).increment(1),)+
        }
    };
}
pub(crate) use count;
