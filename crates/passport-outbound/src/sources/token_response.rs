//! Reads the response of a token endpoint or sidecar. Pure. Of the body, only a well-formed OAuth2
//! error code enters an error.

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

use crate::token::{FetchFailure, FetchedToken, LEAST_LIFE, TokenErrorKind};

/// The largest token response that is read. A token is 1 to 8 KiB.
pub(super) const MAX_RESPONSE: usize = 64 * 1024;

/// The longest lifetime of a token. A longer claim is capped, so that no arithmetic overflows.
const MAX_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The lifetime of a token without any claim about it: the shortest that Passport documents.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// The members of a token response and of an error response. Each may be of any type until it is
/// checked.
#[derive(Default, Deserialize)]
struct ResponseMembers {
    access_token: Option<Value>,
    token_type: Option<Value>,
    expires_in: Option<Value>,
    scope: Option<Value>,
    error: Option<Value>,
}

/// Reads the response to a request for `scopes`. The lifetime begins with the request, so that a
/// slow response does not prolong it.
///
/// Success is 200, or 201 and 203, into which gateways and proxies may change it. The other 2xx
/// have no content, or only a part of it.
pub(super) fn read(
    response: &Response<Bytes>,
    scopes: &Scopes,
    requested_at: SystemTime,
) -> Result<FetchedToken, FetchFailure> {
    let members = members(response.body());
    let code = members.as_ref().ok().and_then(error_code);
    let is_success = matches!(response.status().as_u16(), 200 | 201 | 203);
    if !is_success || code.is_some() {
        return Err(error_response(response, code, requested_at));
    }
    let token = members.and_then(|members| token(&members, scopes, requested_at));
    token.map_err(|reason| FetchFailure { status: Some(response.status()), ..unusable(reason) })
}

/// Returns the failure of an unusable response.
fn unusable(reason: UnusableReason) -> FetchFailure {
    let failure = FetchFailure::of(TokenErrorKind::InvalidResponse).with_source(reason);
    FetchFailure { is_permanent: reason.is_permanent(), ..failure }
}

/// Reads a successful response.
fn token(
    members: &ResponseMembers,
    scopes: &Scopes,
    requested_at: SystemTime,
) -> Result<FetchedToken, UnusableReason> {
    let access_token = members.access_token.as_ref().ok_or(UnusableReason::NoToken)?;
    let access_token =
        access_token.as_str().filter(|token| !token.is_empty()).ok_or(UnusableReason::NoToken)?;
    let token_type = members.token_type.as_ref().ok_or(UnusableReason::NoTokenType)?;
    if !token_type.as_str().is_some_and(|name| name.eq_ignore_ascii_case("bearer")) {
        return Err(UnusableReason::TokenType(registered_type(token_type)));
    }
    let lifetime =
        lifetime(access_token, members.expires_in.as_ref(), requested_at).ok_or(UnusableReason::NoLife)?;
    let token = AccessToken::new(access_token, requested_at + lifetime)
        .map_err(|_| UnusableReason::TokenCharacters)?;
    Ok(FetchedToken {
        token,
        issued_at: requested_at,
        lifetime,
        missing_scopes: missing(scopes, members.scope.as_ref()),
    })
}

/// The reason why a response is not usable, with the remedy. Fixed texts: nothing of the response
/// is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum UnusableReason {
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

impl UnusableReason {
    fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            300..=399 => Self::Redirect,
            407 => Self::ProxyAuthentication,
            _ => Self::Status,
        }
    }

    /// Returns whether it lasts until a URL or a server is changed. A web page or an empty body may
    /// be from a proxy during a deployment.
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

/// Parses the body, which has to be a JSON object.
fn members(body: &[u8]) -> Result<ResponseMembers, UnusableReason> {
    const MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    if MARKS.iter().any(|mark| body.starts_with(mark)) {
        return Err(UnusableReason::ByteOrderMark);
    }
    match body.trim_ascii_start().first() {
        None => Err(UnusableReason::Empty),
        Some(b'<') => Err(UnusableReason::Markup),
        // serde would accept an array of the members in their order.
        Some(b'{') => serde_json::from_slice(body).map_err(|_| UnusableReason::NotAnObject),
        Some(_) => Err(UnusableReason::NotAnObject),
    }
}

/// Returns a token type that is registered or common. Another text could be a secret.
fn registered_type(token_type: &Value) -> &'static str {
    const KNOWN: [&str; 6] = ["DPoP", "PoP", "MAC", "N_A", "Basic", "JWT"];
    let registered =
        token_type.as_str().and_then(|name| KNOWN.into_iter().find(|known| name.eq_ignore_ascii_case(known)));
    registered.unwrap_or("an unknown type")
}

/// Returns the OAuth error code of a response without a token, if it is well-formed: registered
/// codes are lower-case words, and another text could be a secret.
fn error_code(members: &ResponseMembers) -> Option<String> {
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

/// Returns the failure of an error response. A registered error code is accepted with any status,
/// as some servers send errors with 200. A gateway's own code with its own status is no rejection.
fn error_response(response: &Response<Bytes>, code: Option<String>, now: SystemTime) -> FetchFailure {
    let status = response.status();
    let kind = match (status.as_u16(), code.as_deref()) {
        (_, Some("temporarily_unavailable" | "server_error")) | (408 | 429 | 500.., _) => {
            TokenErrorKind::Unavailable
        }
        (400 | 401 | 403, _) | (200..=299, Some(_)) => TokenErrorKind::Rejected,
        (_, Some(code)) if REGISTERED.contains(&code) => TokenErrorKind::Rejected,
        _ => TokenErrorKind::InvalidResponse,
    };
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = wait.and_then(|value| retry_after(value, now));
    let failure = match kind {
        TokenErrorKind::InvalidResponse => unusable(UnusableReason::of_status(status)),
        _ => FetchFailure::of(kind),
    };
    FetchFailure { status: Some(status), oauth_error: code, retry_after: wait, ..failure }
}

/// Returns the lifetime of a token: `expires_in`, limited by the token's own claims, or the claims
/// alone if `expires_in` is missing or invalid. `None` if it is zero.
fn lifetime(token: &str, expires_in: Option<&Value>, now: SystemTime) -> Option<Duration> {
    let claims = claims(token);
    let expires_in = expires_in.map(seconds);
    let lifetime = match (expires_in, &claims) {
        (Some(Some(said)), Some(claims)) if !said.is_zero() => claims.bound(said, now),
        (Some(Some(said)), None) if !said.is_zero() => said,
        (_, Some(claims)) => claims.life_left(now),
        (Some(Some(_zero)), None) => return None,
        (Some(None) | None, None) => UNKNOWN_LIFETIME,
    };
    Some(lifetime.min(MAX_LIFETIME))
}

/// Reads a number of seconds, also from a text, as some servers send it. A negative number is zero.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<Number>().ok().and_then(|number| number.as_f64()),
        _ => None,
    }?;
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(MAX_LIFETIME))
}

/// The claims of a token about its lifetime. They are not verified: the token is our own, and they
/// decide only when to refresh it.
#[derive(Deserialize)]
struct LifetimeClaims {
    exp: f64,
    iat: Option<f64>,
}

fn claims(token: &str) -> Option<LifetimeClaims> {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

impl LifetimeClaims {
    /// Returns the time from issue to expiry, both by Passport's clock.
    fn whole_life(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.exp - self.iat?).ok().filter(|life| !life.is_zero())
    }

    /// Limits a lifetime to the claims. A token that has expired by our clock is an exception: the
    /// clock is wrong then, as the token was just issued. A clock that is an hour ahead causes
    /// that.
    fn bound(&self, said: Duration, now: SystemTime) -> Duration {
        let said = said.min(self.whole_life().unwrap_or(said));
        let left = self.life_left(now);
        if left < LEAST_LIFE { said } else { said.min(left) }
    }

    /// Returns the time until the expiry by our clock. If our clock is behind, it is limited to the
    /// whole lifetime.
    fn life_left(&self, now: SystemTime) -> Duration {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let left = Duration::try_from_secs_f64((self.exp - now).max(0.0)).unwrap_or(MAX_LIFETIME);
        self.whole_life().map_or(left, |whole| left.min(whole))
    }
}

/// Returns the scopes that were requested and not granted. A response without scopes grants the
/// requested ones ([RFC 6749, section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
fn missing(requested: &Scopes, granted: Option<&Value>) -> Vec<String> {
    let Some(granted) = granted.and_then(Value::as_str).filter(|granted| !granted.trim().is_empty()) else {
        return Vec::new();
    };
    let granted: HashSet<_> = granted.split_ascii_whitespace().collect();
    requested.iter().filter(|scope| !granted.contains(scope)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
