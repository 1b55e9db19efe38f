//! What the token endpoint may answer, and what is made of it. Pure; nothing of a body ever enters an error but a
//! well-formed OAuth2 error code.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header::RETRY_AFTER};
use passport_core::{AccessToken, Scopes};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::{TokenErrorKind, engine::Minted, error::Failure, refresh::LEAST_LIFE};

/// No token of Passport lives longer; a longer claim is cut, so that no arithmetic on it can go wrong.
const MAX_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The life of a token that says nothing about it: the shortest that Passport documents for any token.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(5 * 60);

#[derive(Deserialize)]
struct Success {
    access_token: String,
    token_type: String,
    expires_in: Option<Value>,
    scope: Option<Value>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// What a response to a request for `scopes` says, by the wall clock. The token's life counts from when the request was made, so that a slow
/// answer is not trusted for too long.
pub(crate) fn read(
    response: &Response<Bytes>,
    scopes: &Scopes,
    asked_at: SystemTime,
) -> Result<Minted, Failure> {
    let status = response.status();
    if status != StatusCode::OK {
        return Err(refused(response, asked_at));
    }
    let unusable =
        |problem| Failure::of(TokenErrorKind::UnusableResponse).status(status).caused_by(Unusable(problem));
    let success: Success = serde_json::from_slice(response.body())
        .map_err(|_| unusable("the body is not a JSON object with access_token and token_type"))?;
    if !success.token_type.eq_ignore_ascii_case("bearer") {
        return Err(unusable("the token is not of type Bearer"));
    }
    let lifetime = lifetime(&success, asked_at)
        .ok_or_else(|| unusable("expires_in says that there is no life in it"))?;
    let token = AccessToken::new(&success.access_token, asked_at + lifetime)
        .map_err(|_| unusable("the token has characters that no bearer token may have"))?;
    Ok(Minted {
        token,
        minted_at: asked_at,
        lifetime,
        missing_scopes: missing(scopes, success.scope.as_ref()),
    })
}

/// What is wrong with a response. A fixed text: nothing of the response is quoted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unusable(&'static str);

fn refused(response: &Response<Bytes>, now: SystemTime) -> Failure {
    let status = response.status();
    let code = serde_json::from_slice::<Refusal>(response.body()).ok().map(|refusal| refusal.error);
    let code = code.filter(|code| is_error_code(code));
    let kind = match (status.as_u16(), code.as_deref()) {
        (_, Some("temporarily_unavailable" | "server_error")) | (408 | 429 | 500.., _) => {
            TokenErrorKind::Unavailable
        }
        (400 | 401 | 403, _) => TokenErrorKind::Refused,
        _ => TokenErrorKind::UnusableResponse,
    };
    Failure::of(kind).status(status).oauth_error(code).retry_after(retry_after(response.headers(), now))
}

/// The registered codes are lower-case words; anything else could be anything, a secret included.
fn is_error_code(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// A number of seconds or a date ([RFC 9110, section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()),
    }
}

/// How long the token lives. What the response says counts, but not beyond what the token itself says; if the response
/// says nothing that makes sense, the token does. None if it is said that there is no life in it.
fn lifetime(success: &Success, now: SystemTime) -> Option<Duration> {
    let claims = claims(&success.access_token);
    let said = success.expires_in.as_ref().map(seconds);
    let lifetime = match (said, &claims) {
        (Some(Some(said)), Some(claims)) if !said.is_zero() => claims.bound(said, now),
        (Some(Some(said)), None) if !said.is_zero() => said,
        (_, Some(claims)) => claims.life_left(now),
        (Some(Some(_zero)), None) => return None,
        (Some(None) | None, None) => UNKNOWN_LIFETIME,
    };
    Some(lifetime.min(MAX_LIFETIME))
}

/// A number of seconds, also as text, as some servers send it. Negative counts as none left.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<Number>().ok().and_then(|number| number.as_f64()),
        _ => None,
    }?;
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(MAX_LIFETIME))
}

/// What a token says about its own life. It is not verified for that: it is ours, fresh from Passport, and what it says
/// only decides when to ask again.
#[derive(Deserialize)]
struct Claims {
    exp: f64,
    iat: Option<f64>,
}

fn claims(token: &str) -> Option<Claims> {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

impl Claims {
    /// From its issue to its expiry, both by Passport's clock.
    fn whole_life(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.exp - self.iat?).ok().filter(|life| !life.is_zero())
    }

    /// What a response says, but no more than the token. That it has no life left by our clock does not count: then the
    /// clock is wrong, or it would not have been issued. A clock that is ahead by an hour sees tokens of an hour like this.
    fn bound(&self, said: Duration, now: SystemTime) -> Duration {
        let said = said.min(self.whole_life().unwrap_or(said));
        let left = self.life_left(now);
        if left < LEAST_LIFE { said } else { said.min(left) }
    }

    /// What is left of it by our clock; but if that is behind Passport's, no more than the whole.
    fn life_left(&self, now: SystemTime) -> Duration {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let left = Duration::try_from_secs_f64((self.exp - now).max(0.0)).unwrap_or(MAX_LIFETIME);
        self.whole_life().map_or(left, |whole| left.min(whole))
    }
}

/// Which scopes were asked for and not granted. A response that names none grants what was asked for
/// ([RFC 6749, section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
fn missing(asked: &Scopes, granted: Option<&Value>) -> Vec<String> {
    let Some(granted) = granted.and_then(Value::as_str).filter(|granted| !granted.trim().is_empty()) else {
        return Vec::new();
    };
    let granted: HashSet<_> = granted.split_ascii_whitespace().collect();
    asked.iter().filter(|scope| !granted.contains(scope)).map(str::to_owned).collect()
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
