//! Names of the metrics and log targets of this crate. `docs/telemetry.md` describes these
//! names.
//!
//! Each module records its own events. No field and no label contains a token. No label has a
//! value that a client can choose.

use metrics::{Key, Level, Metadata};

/// The target of all log events except audit events.
pub(crate) const TARGET: &str = "passport_inbound";

/// The target of audit events. This target differs from [`TARGET`], so that a subscriber can
/// write audit events to another destination than all other events.
pub(crate) const AUDIT_TARGET: &str = "passport_inbound::audit";

/// Counter of token verifications, by `issuer` and `outcome`: `accepted`, the reason of the
/// rejection, `keys_unavailable` or `overloaded`.
pub(crate) const TOKENS: &str = "passport_inbound_tokens_total";
/// Counter of rejected requests, by `reason`.
pub(crate) const REJECTED_REQUESTS: &str = "passport_inbound_rejected_requests_total";
/// Counter of bodies that a `TokenDeadlineLayer` ended because the token expired or
/// the caller was denied.
pub(crate) const ENDED_STREAMS: &str = "passport_inbound_ended_streams_total";
/// Gauge of the number of entries of the deny list.
pub(crate) const DENY_LIST_ENTRIES: &str = "passport_inbound_deny_list_entries";
/// Counter of what a full deny list has done, by `action`: `refused_tenant`, `refused_issuer` or
/// `dropped`.
pub(crate) const DENY_LIST_FULL: &str = "passport_inbound_deny_list_full_total";
/// Counter of logout tokens and security events, by `delivery`, `event` and `outcome`.
pub(crate) const SECURITY_EVENTS: &str = "passport_inbound_security_events_total";
/// Counter of requests for security events, by `outcome`: `received` or `failed`.
pub(crate) const EVENT_POLLS: &str = "passport_inbound_security_event_polls_total";
/// Histogram of the duration of verifications, by `path`: `hit` for a cached token, `cold` for
/// any other token.
pub(crate) const VERIFICATION_SECONDS: &str = "passport_inbound_verification_duration_seconds";
/// Gauge of the number of usable keys in the installed key set.
pub(crate) const KEYS: &str = "passport_inbound_keys";
/// Gauge of the time at which the issuer last sent or confirmed keys, in seconds since 1970.
pub(crate) const KEYS_FETCHED_AT: &str = "passport_inbound_keys_fetched_timestamp_seconds";
/// Counter of JWKS refreshes, by `outcome`: `installed`, `unchanged`, or the kind of the error.
pub(crate) const KEY_FETCHES: &str = "passport_inbound_key_fetches_total";
/// Gauge of the number of seconds by which the issuer's clock is ahead of the local clock.
/// Negative if the issuer's clock is behind.
pub(crate) const CLOCK_DIFFERENCE: &str = "passport_inbound_clock_difference_seconds";
/// Counter of introspection calls, by `issuer` and `outcome`: `active`, `inactive`, or why there is
/// no valid answer.
pub(crate) const INTROSPECTIONS: &str = "passport_inbound_introspections_total";
/// Counter of requests for which a recent answer of the issuer was known.
pub(crate) const INTROSPECTION_HITS: &str = "passport_inbound_introspection_hits_total";
/// Counter of requests that waited for an answer of the issuer.
pub(crate) const INTROSPECTION_WAITS: &str = "passport_inbound_introspection_waits_total";
/// Counter of requests with a token that is not active, by the answer of the issuer.
pub(crate) const INTROSPECTION_REVOCATIONS: &str = "passport_inbound_introspection_revocations_total";
/// Counter of requests that were accepted although there was no answer of the issuer.
pub(crate) const INTROSPECTION_CONTINUED: &str = "passport_inbound_introspection_continued_total";
/// Histogram of the duration of introspection calls.
pub(crate) const INTROSPECTION_SECONDS: &str = "passport_inbound_introspection_duration_seconds";

/// The label with the issuer, for metrics that are recorded for each issuer separately.
pub(crate) const ISSUER: &str = "issuer";

/// The value of the label [`ISSUER`] for tokens that were rejected before their issuer was known.
pub(crate) const UNKNOWN_ISSUER: &str = "unknown";

/// The metadata of the counters of this crate.
static METADATA: Metadata<'static> = Metadata::new(TARGET, Level::INFO, None);

/// Increments the counter with this key.
pub(crate) fn increment(key: &Key) {
    metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA)).increment(1);
}

/// Increments the counter `$metric`. The value of its label `$label` is the `$value` next to the
/// first `$pattern` that matches `$subject`. All keys are built and hashed at compile time.
macro_rules! count {
    ($metric:expr, $label:literal, $($pattern:pat => $value:literal,)+ ; $subject:expr) => {
        match $subject {
            $($pattern => {
                static LABELS: [metrics::Label; 1] = [metrics::Label::from_static_parts($label, $value)];
                static KEY: metrics::Key = metrics::Key::from_static_parts($metric, &LABELS);
                $crate::metrics::increment(&KEY);
            })+
        }
    };
}
pub(crate) use count;
