//! The names of all metrics, labels and log targets of this crate. No field and no label ever
//! holds a token or a secret. `docs/telemetry.md` describes the metrics, labels and log targets.

/// The target of all log events and spans of this crate. Log filters use this name:
/// `RUST_LOG=passport_outbound=debug`.
pub(crate) const TARGET: &str = "passport_outbound";

pub(crate) const HITS: &str = "passport_outbound_token_hits_total";
pub(crate) const WAITS: &str = "passport_outbound_token_waits_total";
pub(crate) const CACHED_ERRORS: &str = "passport_outbound_cached_errors_total";
pub(crate) const ATTEMPTS: &str = "passport_outbound_token_attempts_total";
pub(crate) const ATTEMPT_SECONDS: &str = "passport_outbound_token_attempt_duration_seconds";
pub(crate) const BACKGROUND_REFRESHES: &str = "passport_outbound_background_refreshes_total";
pub(crate) const EXPIRES_AT: &str = "passport_outbound_token_expiry_timestamp_seconds";
pub(crate) const LIFE_LEFT: &str = "passport_outbound_token_seconds_to_expiry";
pub(crate) const UNAUTHORIZED: &str = "passport_outbound_unauthorized_total";
pub(crate) const REQUESTS: &str = "passport_outbound_token_requests_total";
pub(crate) const SHARED: &str = "passport_outbound_shared_attempts_total";
pub(crate) const SHARED_SECONDS: &str = "passport_outbound_shared_wait_duration_seconds";
pub(crate) const STORE_FAILURES: &str = "passport_outbound_store_failures_total";
pub(crate) const STORE_UP: &str = "passport_outbound_store_up";
pub(crate) const WITHOUT_CALLER: &str = "passport_outbound_without_caller_total";
pub(crate) const RETRIES: &str = "passport_outbound_retries_total";

/// The label for the client id of the identity. Most metrics have this label.
pub(crate) const CLIENT_ID: &str = "client_id";
