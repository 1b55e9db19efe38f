//! The names of everything this crate emits. No field and no label ever holds a token, a secret or what Redis said.

use std::error::Error;

use metrics::counter;
use passport_outbound::ClientId;

use crate::envelope::Refused;

const TARGET: &str = "passport::redis";

const REFUSED: &str = "passport_redis_refused_values_total";
const CONNECTIONS: &str = "passport_redis_connections_total";

/// A value was not used.
pub(crate) fn refused(client_id: &ClientId, why: Refused) {
    counter!(REFUSED, "client_id" => client_id.to_string(), "reason" => why.as_str()).increment(1);
    let advice = match why {
        Refused::Malformed => {
            "it is none of ours, and taken away; does something else use the namespace, or an instance not encrypt?"
        }
        Refused::UnknownKey => {
            "its key is not among encryption_keys; others may have it, so it stays. Were keys rotated in two steps?"
        }
        Refused::Tampered => {
            "it was changed, or moved here from elsewhere, and is taken away; who may write to this Redis?"
        }
    };
    tracing::warn!(
        target: TARGET,
        %client_id,
        reason = why.as_str(),
        "a stored token is not used: {advice}"
    );
}

/// There is a connection.
pub(crate) fn connected(has_news: bool) {
    counter!(CONNECTIONS).increment(1);
    if has_news {
        tracing::debug!(target: TARGET, "connected to Redis");
    } else {
        tracing::warn!(
            target: TARGET,
            "connected to Redis, but it does not let us subscribe to news; instances that wait look instead. Allow the \
             channels of the namespace to the user (&passport:*)"
        );
    }
}

/// The keys could not be read again; those there are go on.
pub(crate) fn keys_not_read(error: &dyn Error) {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    tracing::warn!(target: TARGET, cause, "the encryption keys could not be read again: {error}");
}
