//! The transmitter of security events: signs a SET for each registered receiver.

use serde_json::Value;

use crate::{
    events::{QueuedSet, SecurityEvent},
    jwt::{sign_statement, unix_seconds, unverified_claims},
    registry::random_id,
    server_state::ServerState,
};

/// The `typ` of Security Event Tokens (RFC 8417, section 2.3).
const SET_TYPE: &str = "secevent+jwt";

/// Adds a SET about `event` to the queue of each receiver. Each receiver gets a SET with its own
/// audience and its own `jti`.
pub(crate) fn transmit(state: &ServerState, event: &SecurityEvent) {
    let (now, txn) = (unix_seconds(state.clock.now()), random_id("txn-"));
    // The list is cloned, so that the lock is not held while the SETs are signed.
    let outboxes = state.receivers().outboxes();
    for outbox in outboxes {
        let jti = random_id("set-");
        let claims = event.claims(state.issuer(), outbox.audience(), now, &jti, &txn);
        outbox.push(QueuedSet { jti, token: sign_statement(state, SET_TYPE, &claims) });
    }
}

/// Adds `token` to the queue of each receiver, under the `jti` of its claims, or under a random id
/// if the claims have none. Does not check `token`.
pub(crate) fn transmit_token(state: &ServerState, token: &str) {
    let jti = claimed_jti(token).unwrap_or_else(|| random_id("set-"));
    let outboxes = state.receivers().outboxes();
    for outbox in outboxes {
        outbox.push(QueuedSet { jti: jti.clone(), token: token.to_owned() });
    }
}

/// Returns the `jti` in the claims of `token`. Returns `None` if `token` is malformed or has no
/// `jti`. Does not verify the signature.
fn claimed_jti(token: &str) -> Option<String> {
    unverified_claims(token)?.get("jti").and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests;
