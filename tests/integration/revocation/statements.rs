//! Logout tokens and security events with any claims.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use passport_dev::DevPassport;
use serde_json::{Value, json};

use super::CLIENT_ID;
use crate::harness::claims_of;

pub(super) const SESSION_REVOKED: &str =
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
pub(super) const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Returns the current time of `passport` in seconds since 1970.
pub(super) fn now(passport: &DevPassport) -> u64 {
    claims_of(&passport.user_token("clock").build())["iat"].as_u64().unwrap()
}

/// Returns the claims of a valid event that revokes the sessions of the user `alice`.
pub(super) fn event(passport: &DevPassport) -> Value {
    json!({
        "iss": passport.issuer(), "aud": CLIENT_ID, "iat": now(passport), "jti": "event-1",
        "sub_id": { "format": "iss_sub", "iss": passport.issuer(), "sub": "alice" },
        "events": { SESSION_REVOKED: {} },
    })
}

/// Returns the claims of a valid logout token of the user `alice`.
pub(super) fn logout(passport: &DevPassport) -> Value {
    json!({
        "iss": passport.issuer(), "aud": CLIENT_ID, "iat": now(passport), "jti": "logout-1",
        "exp": now(passport) + 120, "sub": "alice", "events": { LOGOUT: {} },
    })
}

/// Returns `claims` with a claim set to a value, or removed if the value is `null`.
pub(super) fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

/// Returns a statement with the `alg` `none`, without a signature.
pub(super) fn unsigned(typ: &str, claims: &Value) -> String {
    let encode = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.", encode(&json!({ "alg": "none", "typ": typ })), encode(claims))
}

/// Returns a statement with another signature.
pub(super) fn forged(statement: &str) -> String {
    let (message, _) = statement.rsplit_once('.').unwrap();
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode([7; 256]))
}
