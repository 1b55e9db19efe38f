//! Names of the metrics and log targets of this crate. `docs/telemetry.md` describes them.
//!
//! Each module records its own events. No field and no label has a token, and no label has a
//! value that a caller can choose.

/// The target of all log events except audit events.
pub(crate) const TARGET: &str = "passport_inbound";

/// The target of audit events, so that they can be shipped separately.
pub(crate) const AUDIT_TARGET: &str = "passport_inbound::audit";

pub(crate) const TOKENS: &str = "passport_inbound_tokens_total";
pub(crate) const REJECTED_REQUESTS: &str = "passport_inbound_rejected_requests_total";
pub(crate) const ENDED_STREAMS: &str = "passport_inbound_ended_streams_total";
pub(crate) const VERIFICATION_SECONDS: &str = "passport_inbound_verification_duration_seconds";
pub(crate) const KEYS: &str = "passport_inbound_keys";
pub(crate) const KEYS_FETCHED_AT: &str = "passport_inbound_keys_fetched_timestamp_seconds";
pub(crate) const KEY_FETCHES: &str = "passport_inbound_key_fetches_total";
pub(crate) const CLOCK_DIFFERENCE: &str = "passport_inbound_clock_difference_seconds";

/// The label of the metrics that are recorded for each issuer.
pub(crate) const ISSUER: &str = "issuer";

/// Increments a counter with a label value that is known at compile time, so that nothing is
/// allocated.
macro_rules! count {
    ($metric:expr, $label:literal, $($pattern:pat => $value:literal,)+ ; $subject:expr) => {
        match $subject {
            $($pattern => metrics::counter!($metric, $label => $value).increment(1),)+
        }
    };
}
pub(crate) use count;
