//! What the token endpoint may answer, and what is made of it. Pure; nothing of a body ever enters an error but a
//! well-formed OAuth2 error code.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::{TokenErrorKind, engine::Minted, error::Failure};

/// No token of Passport lives longer; a longer claim is cut, so that no arithmetic on it can go wrong.
const MAX_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[derive(Deserialize)]
struct Success {
    access_token: String,
    token_type: String,
    expires_in: Option<Value>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

pub(super) fn read(response: &Response<Bytes>, now: SystemTime) -> Result<Minted, Failure> {
    let status = response.status();
    if status != StatusCode::OK {
        return Err(refused(status, response.body()));
    }
    let unusable = || Failure::of(TokenErrorKind::UnusableResponse).status(status);
    let success: Success = serde_json::from_slice(response.body()).map_err(|_| unusable())?;
    if !success.token_type.eq_ignore_ascii_case("bearer") {
        return Err(unusable());
    }
    let lifetime = match &success.expires_in {
        Some(value) => seconds(value),
        None => remaining_life(&success.access_token, now),
    };
    let lifetime = lifetime.ok_or_else(unusable)?.min(MAX_LIFETIME);
    Ok(Minted { access_token: success.access_token, lifetime })
}

fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let code = serde_json::from_slice::<Refusal>(body).ok().map(|refusal| refusal.error);
    let code = code.filter(|code| is_error_code(code));
    let kind = match (status.as_u16(), code.as_deref()) {
        (_, Some("temporarily_unavailable" | "server_error")) | (429 | 500.., _) => {
            TokenErrorKind::Unavailable
        }
        (400 | 401 | 403, _) => TokenErrorKind::Refused,
        _ => TokenErrorKind::UnusableResponse,
    };
    Failure::of(kind).status(status).oauth_error(code)
}

/// The registered codes are lower-case words; anything else could be anything, a secret included.
fn is_error_code(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// A number of seconds, also as text, as some servers send it. Negative counts as none left.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse::<Number>().ok().and_then(|number| number.as_f64()),
        _ => None,
    }?;
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(MAX_LIFETIME))
}

/// How long the token has left by its own `exp`, when the response does not say. The token is not verified for
/// that: it is ours, fresh from Passport, and the answer only decides when to ask again.
fn remaining_life(token: &str, now: SystemTime) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    let expires_at = UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(claims.exp).ok()?)?;
    Some(expires_at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn response(status: u16, body: &impl ToString) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn lifetime(expires_in: &Value) -> Option<u64> {
        let body = json!({ "access_token": "t", "token_type": "Bearer", "expires_in": expires_in });
        read(&response(200, &body), at(0)).ok().map(|minted| minted.lifetime.as_secs())
    }

    #[test]
    fn the_lifetime_is_read_liberally_and_bounded() {
        for (expires_in, seconds) in [
            (json!(3600), Some(3600)),
            (json!(3600.7), Some(3600)),
            (json!("3600"), Some(3600)),
            (json!(0), Some(0)),
            (json!(-5), Some(0)),
            (json!(1e18), Some(MAX_LIFETIME.as_secs())),
            (json!("soon"), None),
            (json!(true), None),
            (json!([3600]), None),
        ] {
            assert_eq!(lifetime(&expires_in), seconds, "{expires_in}");
        }
    }

    #[test]
    fn without_expires_in_the_tokens_own_expiry_counts() {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(r#"{"exp":1000}"#);
        let body = json!({ "access_token": format!("e30.{payload}.sig"), "token_type": "bearer" });
        assert_eq!(read(&response(200, &body), at(400)).unwrap().lifetime, Duration::from_secs(600));
        assert_eq!(read(&response(200, &body), at(4000)).unwrap().lifetime, Duration::ZERO);
    }

    #[test]
    fn an_opaque_token_without_expires_in_is_unusable() {
        let body = json!({ "access_token": "opaque", "token_type": "Bearer" });
        let failure = read(&response(200, &body), at(0)).err().unwrap();
        assert_eq!(failure.kind(), TokenErrorKind::UnusableResponse);
    }

    #[test]
    fn another_token_type_is_unusable() {
        for token_type in ["DPoP", "mac", "N_A", ""] {
            let body = json!({ "access_token": "t", "token_type": token_type, "expires_in": 60 });
            assert!(read(&response(200, &body), at(0)).is_err(), "{token_type}");
        }
    }

    #[test]
    fn refusals_are_told_from_outages_and_from_nonsense() {
        let invalid_client = json!({ "error": "invalid_client", "error_description": "no" });
        for (status, body, kind, code) in [
            (401, invalid_client.to_string(), TokenErrorKind::Refused, Some("invalid_client")),
            (
                400,
                json!({ "error": "invalid_scope" }).to_string(),
                TokenErrorKind::Refused,
                Some("invalid_scope"),
            ),
            (403, "<html>".to_owned(), TokenErrorKind::Refused, None),
            (401, String::new(), TokenErrorKind::Refused, None),
            (400, json!({ "error": "mics_sk_ECHO" }).to_string(), TokenErrorKind::Refused, None),
            (429, String::new(), TokenErrorKind::Unavailable, None),
            (503, "<html>".to_owned(), TokenErrorKind::Unavailable, None),
            (307, String::new(), TokenErrorKind::UnusableResponse, None),
            (404, "<html>".to_owned(), TokenErrorKind::UnusableResponse, None),
            (204, String::new(), TokenErrorKind::UnusableResponse, None),
        ] {
            let failure = read(&response(status, &body), at(0)).err().unwrap();
            assert_eq!((failure.kind(), failure.code()), (kind, code), "{status} {body}");
        }
    }

    #[test]
    fn a_web_page_with_status_200_is_unusable() {
        for body in ["", "<html>", "[]", "null", "{\"access_token\":\"t\"", "{\"access_token\":5}"] {
            assert!(read(&response(200, &body), at(0)).is_err(), "{body}");
        }
    }
}
