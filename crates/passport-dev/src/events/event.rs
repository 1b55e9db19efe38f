//! The contents of a Security Event Token
//! ([RFC 8417](https://www.rfc-editor.org/rfc/rfc8417)), as the Shared Signals Framework profiles
//! it: the subject is the claim `sub_id`, and there is neither `sub` nor `exp`.

use serde_json::{Value, json};

use crate::users::EndedSession;

/// A change that receivers learn about.
#[derive(Debug)]
pub(crate) enum SecurityEvent {
    /// All sessions of a user have ended (CAEP `session-revoked`).
    UserLoggedOut { user_id: String },
    /// One session of a user has ended (CAEP `session-revoked`).
    SessionRevoked(EndedSession),
    /// A secret of a managed identity was revoked (CAEP `credential-change`).
    SecretRevoked { client_id: String, secret_id: String },
    /// A managed identity was disabled (RISC `account-disabled`).
    AccountDisabled { client_id: String },
    /// A managed identity was enabled (RISC `account-enabled`).
    AccountEnabled { client_id: String },
}

impl SecurityEvent {
    /// Returns the claims of a SET about this event. `now` is the time of the event as Unix time in
    /// seconds. `txn` is the same in the SETs about this event for all receivers.
    pub(crate) fn claims(&self, issuer: &str, audience: &str, now: u64, jti: &str, txn: &str) -> Value {
        json!({
            "iss": issuer,
            "aud": audience,
            "iat": now,
            "jti": jti,
            "txn": txn,
            "sub_id": self.subject(issuer),
            "events": { (self.uri()): self.details(now) },
        })
    }

    /// Returns the URI of the event type.
    fn uri(&self) -> &'static str {
        match self {
            Self::UserLoggedOut { .. } | Self::SessionRevoked(_) => {
                "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
            }
            Self::SecretRevoked { .. } => {
                "https://schemas.openid.net/secevent/caep/event-type/credential-change"
            }
            Self::AccountDisabled { .. } => {
                "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
            }
            Self::AccountEnabled { .. } => {
                "https://schemas.openid.net/secevent/risc/event-type/account-enabled"
            }
        }
    }

    /// Returns the subject identifier ([RFC 9493](https://www.rfc-editor.org/rfc/rfc9493)). The
    /// subject of one session is a complex subject.
    fn subject(&self, issuer: &str) -> Value {
        let iss_sub = |subject: &str| json!({ "format": "iss_sub", "iss": issuer, "sub": subject });
        let opaque = |id: &str| json!({ "format": "opaque", "id": id });
        match self {
            Self::UserLoggedOut { user_id } => iss_sub(user_id),
            Self::SessionRevoked(ended) => json!({
                "format": "complex",
                "user": iss_sub(&ended.user_id),
                "session": opaque(&ended.session.id),
                "tenant": opaque(&ended.session.tenant_id),
            }),
            Self::SecretRevoked { client_id, .. }
            | Self::AccountDisabled { client_id }
            | Self::AccountEnabled { client_id } => iss_sub(client_id),
        }
    }

    /// Returns the members of the event.
    fn details(&self, now: u64) -> Value {
        match self {
            Self::UserLoggedOut { .. } | Self::SessionRevoked(_) => {
                json!({ "event_timestamp": now, "initiating_entity": "admin" })
            }
            // A client secret is the password of a client (RFC 6749, section 2.3.1).
            Self::SecretRevoked { secret_id, .. } => json!({
                "event_timestamp": now,
                "initiating_entity": "admin",
                "credential_type": "password",
                "change_type": "revoke",
                "friendly_name": secret_id,
            }),
            Self::AccountDisabled { .. } | Self::AccountEnabled { .. } => json!({}),
        }
    }
}

#[cfg(test)]
mod tests;
