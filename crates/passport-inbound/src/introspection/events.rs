//! Log events and metrics of introspections.

use std::{error::Error, sync::OnceLock, time::Duration};

use metrics::{Counter, counter, histogram};

use super::{breaker::Transition, error::CallError};
use crate::{
    issuers::IssuerName,
    metrics::{
        INTROSPECTION_CONTINUED, INTROSPECTION_HITS, INTROSPECTION_REVOCATIONS, INTROSPECTION_SECONDS,
        INTROSPECTION_WAITS, INTROSPECTIONS, ISSUER, TARGET,
    },
};

/// The counter of requests that need no call. It is registered at the first such request, so that
/// the others do not have to look it up.
#[derive(Default)]
pub(super) struct HitCounter(OnceLock<Counter>);

impl HitCounter {
    #[inline]
    pub(super) fn increment(&self, issuer: &IssuerName) {
        self.0.get_or_init(|| counter!(INTROSPECTION_HITS, ISSUER => issuer.label())).increment(1);
    }
}

impl std::fmt::Debug for HitCounter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HitCounter")
    }
}

/// Counts a valid answer.
pub(super) fn answered(issuer: &IssuerName, is_active: bool) {
    called(issuer, if is_active { "active" } else { "inactive" });
}

/// Counts and logs a call without a valid answer. `remedy` is what to check if the issuer rejects
/// the client.
pub(super) fn call_failed(issuer: &IssuerName, error: &CallError, remedy: &'static str) {
    called(issuer, error.outcome());
    let cause = error as &dyn Error;
    if error.is_permanent() {
        tracing::error!(
            target: TARGET, %issuer, error = cause,
            "introspection failed: check the client id and the secret, that the client may introspect tokens, and {remedy}"
        );
    } else {
        tracing::warn!(target: TARGET, %issuer, error = cause, "introspection failed");
    }
}

/// Counts a call that was not made, because too many others are waiting, or the circuit is open.
pub(super) fn not_called(issuer: &IssuerName, is_circuit_open: bool) {
    called(issuer, if is_circuit_open { "circuit_open" } else { "overloaded" });
}

fn called(issuer: &IssuerName, outcome: &'static str) {
    counter!(INTROSPECTIONS, ISSUER => issuer.label(), "outcome" => outcome).increment(1);
}

/// Records the duration of a call.
pub(super) fn call_duration(issuer: &IssuerName, duration: Duration) {
    histogram!(INTROSPECTION_SECONDS, ISSUER => issuer.label()).record(duration);
}

/// Logs that the circuit has opened or closed.
pub(super) fn circuit(issuer: &IssuerName, transition: Transition) {
    match transition {
        Transition::Opened => tracing::warn!(
            target: TARGET, %issuer,
            "introspection circuit opened: requests that need an answer get 503 until a probe succeeds"
        ),
        Transition::Closed => {
            tracing::info!(target: TARGET, %issuer, "introspection circuit closed: the issuer answers again");
        }
    }
}

/// Counts a request that waits for an answer.
pub(super) fn waits(issuer: &IssuerName) {
    counter!(INTROSPECTION_WAITS, ISSUER => issuer.label()).increment(1);
}

/// Counts a request with a token that is not active, by the answer of the issuer.
pub(super) fn revoked(issuer: &IssuerName) {
    counter!(INTROSPECTION_REVOCATIONS, ISSUER => issuer.label()).increment(1);
    tracing::debug!(target: TARGET, %issuer, "token rejected: the issuer says that it is not active");
}

/// Counts and logs a request that is accepted although there is no answer. `age` is the time since
/// the last answer.
pub(super) fn continued(issuer: &IssuerName, age: Duration) {
    counter!(INTROSPECTION_CONTINUED, ISSUER => issuer.label()).increment(1);
    tracing::warn!(
        target: TARGET, %issuer, age_s = age.as_secs(),
        "request accepted without an answer of the issuer (danger_continue_when_unreachable)"
    );
}
