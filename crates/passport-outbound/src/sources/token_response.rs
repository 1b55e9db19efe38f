//! What the token endpoint may answer, and what is made of it. Pure; nothing of a body ever enters an error but a
//! well-formed OAuth2 error code.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Response, StatusCode, header::RETRY_AFTER};
use passport_core::{AccessToken, Scopes, retry_after};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::token::{Failure, FetchedToken, LEAST_LIFE, TokenErrorKind};

/// The largest token response that is read. A token is 1 to 8 KiB.
pub(super) const MAX_RESPONSE: usize = 64 * 1024;

/// No token of Passport lives longer; a longer claim is cut, so that no arithmetic on it can go wrong.
const MAX_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The life of a token that says nothing about it: the shortest that Passport documents for any token.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// The members of a token response and of an error response. Each may be of any type until it is
/// checked.
#[derive(Default, Deserialize)]
struct Members {
    access_token: Option<Value>,
    token_type: Option<Value>,
    expires_in: Option<Value>,
    scope: Option<Value>,
    error: Option<Value>,
}

/// What a response to a request for `scopes` says, by the wall clock. The token's life counts from when the request was made, so that a slow
/// answer is not trusted for too long.
///
/// Successes are 200, and two statuses that a gateway may make of it: 201, and 203 of a proxy that
/// has changed the response. The others of 2xx promise no content, or only a part of it.
pub(super) fn read(
    response: &Response<Bytes>,
    scopes: &Scopes,
    asked_at: SystemTime,
) -> Result<FetchedToken, Failure> {
    let members = members(response.body());
    let code = members.as_ref().ok().and_then(error_code);
    let is_success = matches!(response.status().as_u16(), 200 | 201 | 203);
    if !is_success || code.is_some() {
        return Err(refused(response, code, asked_at));
    }
    let token = members.and_then(|members| token(&members, scopes, asked_at));
    token.map_err(|problem| unusable(problem).status(response.status()))
}

fn unusable(problem: Unusable) -> Failure {
    Failure::of(TokenErrorKind::UnusableResponse).permanent(problem.is_permanent()).caused_by(problem)
}

fn token(members: &Members, scopes: &Scopes, asked_at: SystemTime) -> Result<FetchedToken, Unusable> {
    let access_token = members.access_token.as_ref().ok_or(Unusable::NoToken)?;
    let access_token = access_token.as_str().filter(|token| !token.is_empty()).ok_or(Unusable::NoToken)?;
    let token_type = members.token_type.as_ref().ok_or(Unusable::NoTokenType)?;
    if !token_type.as_str().is_some_and(|name| name.eq_ignore_ascii_case("bearer")) {
        return Err(Unusable::TokenType(known_type(token_type)));
    }
    let lifetime = lifetime(access_token, members.expires_in.as_ref(), asked_at).ok_or(Unusable::NoLife)?;
    let token = AccessToken::new(access_token, asked_at + lifetime).map_err(|_| Unusable::TokenCharacters)?;
    Ok(FetchedToken {
        token,
        issued_at: asked_at,
        lifetime,
        missing_scopes: missing(scopes, members.scope.as_ref()),
    })
}

/// The reason why a response is not usable, with the remedy. Fixed texts: nothing of the response
/// is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Unusable {
    #[error("the body begins with a byte order mark (BOM); have the server send JSON in UTF-8 without it")]
    ByteOrderMark,
    #[error("the body is empty; check the token URL, and whether a proxy answers instead of Passport")]
    Empty,
    #[error(
        "the body is a web page (HTML or XML); check the token URL, and whether a proxy, a firewall or a sign-in page answers instead of Passport"
    )]
    Markup,
    #[error("expires_in is not positive, so the token has no lifetime; check the identity's token lifetime")]
    NoLife,
    #[error("access_token is missing or not a text; check that the token URL is that of a token endpoint")]
    NoToken,
    #[error("token_type is missing; the server has to send \"Bearer\" (RFC 6749, section 5.1)")]
    NoTokenType,
    #[error("the body is not a JSON object; check that the token URL is that of a token endpoint")]
    NotAnObject,
    #[error("the proxy on the way requires authentication; put credentials into the proxy's URL")]
    ProxyAuthentication,
    #[error("it is a redirect, which is not followed; configure the URL to which it leads")]
    Redirect,
    #[error("a token endpoint does not answer with this status; check the token URL")]
    Status,
    #[error("the token has characters that no bearer token may have; check what issues it")]
    TokenCharacters,
    #[error("token_type is {0}, and only Bearer is supported; configure the client for Bearer tokens")]
    TokenType(&'static str),
}

impl Unusable {
    fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            300..=399 => Self::Redirect,
            407 => Self::ProxyAuthentication,
            _ => Self::Status,
        }
    }

    /// Whether it stays until a URL or a server is changed. A page or an empty body may be that of
    /// a proxy during a deployment.
    fn is_permanent(self) -> bool {
        match self {
            Self::Empty | Self::Markup | Self::NoLife | Self::NotAnObject | Self::TokenCharacters => false,
            Self::ByteOrderMark
            | Self::NoToken
            | Self::NoTokenType
            | Self::ProxyAuthentication
            | Self::Redirect
            | Self::Status
            | Self::TokenType(_) => true,
        }
    }
}

/// The members of the JSON object that `body` is.
fn members(body: &[u8]) -> Result<Members, Unusable> {
    const MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    if MARKS.iter().any(|mark| body.starts_with(mark)) {
        return Err(Unusable::ByteOrderMark);
    }
    match body.trim_ascii_start().first() {
        None => Err(Unusable::Empty),
        Some(b'<') => Err(Unusable::Markup),
        // The parser would take an array for the members in their order.
        Some(b'{') => serde_json::from_slice(body).map_err(|_| Unusable::NotAnObject),
        Some(_) => Err(Unusable::NotAnObject),
    }
}

/// Names a token type that is registered or common. Another text could be anything, a secret
/// included.
fn known_type(token_type: &Value) -> &'static str {
    const KNOWN: [&str; 6] = ["DPoP", "PoP", "MAC", "N_A", "Basic", "JWT"];
    let known =
        token_type.as_str().and_then(|name| KNOWN.into_iter().find(|known| name.eq_ignore_ascii_case(known)));
    known.unwrap_or("an unknown type")
}

/// The OAuth error code of a response without a token, if it is well-formed: the registered codes
/// are lower-case words, and anything else could be anything, a secret included.
fn error_code(members: &Members) -> Option<String> {
    let text = |member: &Option<Value>| member.as_ref().and_then(Value::as_str).map(str::to_owned);
    let code = text(&members.error)?;
    let is_well_formed =
        (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let has_token = text(&members.access_token).is_some_and(|token| !token.is_empty());
    (is_well_formed && !has_token).then_some(code)
}

/// Codes that only an OAuth server sends
/// ([RFC 6749, section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
const REGISTERED: [&str; 6] = [
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// An error code counts whatever the status is, as some servers send errors with 200; but a gateway
/// that sends a word of its own with its own status does not refuse anybody.
fn refused(response: &Response<Bytes>, code: Option<String>, now: SystemTime) -> Failure {
    let status = response.status();
    let kind = match (status.as_u16(), code.as_deref()) {
        (_, Some("temporarily_unavailable" | "server_error")) | (408 | 429 | 500.., _) => {
            TokenErrorKind::Unavailable
        }
        (400 | 401 | 403, _) | (200..=299, Some(_)) => TokenErrorKind::Refused,
        (_, Some(code)) if REGISTERED.contains(&code) => TokenErrorKind::Refused,
        _ => TokenErrorKind::UnusableResponse,
    };
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = wait.and_then(|value| retry_after(value, now));
    let failure = Failure::of(kind).status(status).oauth_error(code).retry_after(wait);
    match kind {
        TokenErrorKind::UnusableResponse => {
            let problem = Unusable::of_status(status);
            failure.permanent(problem.is_permanent()).caused_by(problem)
        }
        _ => failure,
    }
}

/// How long the token lives. What the response says counts, but not beyond what the token itself says; if the response
/// says nothing that makes sense, the token does. None if it is said that there is no life in it.
fn lifetime(token: &str, expires_in: Option<&Value>, now: SystemTime) -> Option<Duration> {
    let claims = claims(token);
    let said = expires_in.map(seconds);
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
mod tests;
