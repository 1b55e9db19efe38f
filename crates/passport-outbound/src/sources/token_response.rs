//! Parses the response of a token endpoint or sidecar. Pure. The only part of the body that
//! enters an error is a well-formed OAuth2 error code.

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

use crate::token::{FetchFailure, FetchedToken, MIN_LIFETIME, TokenErrorKind};

/// The maximum size of a token response, in bytes. A longer response is invalid. A token is 1
/// to 8 KiB.
pub(super) const MAX_RESPONSE: usize = 64 * 1024;

/// The maximum lifetime of a token. A longer lifetime is capped, so that no arithmetic
/// overflows.
const MAX_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The assumed lifetime of a token if neither the response nor the claims of the token state a
/// lifetime. It is the shortest lifetime that Passport documents.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// The members of a token response or an error response. If one member has the wrong type, the
/// other members are still parsed.
#[derive(Default, Deserialize)]
struct ResponseMembers {
    access_token: Option<Value>,
    token_type: Option<Value>,
    expires_in: Option<Value>,
    scope: Option<Value>,
    error: Option<Value>,
}

/// Parses the response to a token request for `scopes`. The lifetime of the token begins at
/// `requested_at`, so that a slow response does not extend it.
///
/// A response is successful if both conditions are true:
/// - The status is 200, 201 or 203. Gateways and proxies sometimes change 200 to 201 or 203. A
///   response with another 2xx status has no content, or only a part of it.
/// - The body has no OAuth error code.
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
    token.map_err(|reason| FetchFailure { status: Some(response.status()), ..invalid(reason) })
}

/// Returns the failure for an invalid token response.
fn invalid(reason: InvalidReason) -> FetchFailure {
    let failure = FetchFailure::of(TokenErrorKind::InvalidResponse).with_source(reason);
    FetchFailure { is_permanent: reason.is_permanent(), ..failure }
}

/// Parses the members of a successful response.
fn token(
    members: &ResponseMembers,
    scopes: &Scopes,
    requested_at: SystemTime,
) -> Result<FetchedToken, InvalidReason> {
    let access_token = members.access_token.as_ref().ok_or(InvalidReason::NoToken)?;
    let access_token =
        access_token.as_str().filter(|token| !token.is_empty()).ok_or(InvalidReason::NoToken)?;
    let token_type = members.token_type.as_ref().ok_or(InvalidReason::NoTokenType)?;
    if !token_type.as_str().is_some_and(|name| name.eq_ignore_ascii_case("bearer")) {
        return Err(InvalidReason::TokenType(registered_type(token_type)));
    }
    let lifetime =
        lifetime(access_token, members.expires_in.as_ref(), requested_at).ok_or(InvalidReason::NoLife)?;
    let token = AccessToken::new(access_token, requested_at + lifetime)
        .map_err(|_| InvalidReason::TokenCharacters)?;
    Ok(FetchedToken {
        token,
        issued_at: requested_at,
        lifetime,
        missing_scopes: missing(scopes, members.scope.as_ref()),
    })
}

/// The reason why a token response is invalid, with the remedy. The texts are fixed and quote
/// no part of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum InvalidReason {
    #[error("the body begins with a byte order mark (BOM); the server must send JSON in UTF-8 without it")]
    ByteOrderMark,
    #[error("the body is empty; check the token URL, and whether a proxy responds instead of Passport")]
    Empty,
    #[error(
        "the body is a web page (HTML or XML); check the token URL, and whether a proxy, a firewall or a sign-in page responds instead of Passport"
    )]
    Markup,
    #[error("expires_in is not positive; check the token lifetime of the identity in Passport")]
    NoLife,
    #[error("access_token is missing or not a string; check that the token URL is that of a token endpoint")]
    NoToken,
    #[error("token_type is missing; the server must send \"Bearer\" (RFC 6749, section 5.1)")]
    NoTokenType,
    #[error("the body is not a JSON object; check that the token URL is that of a token endpoint")]
    NotAnObject,
    #[error("the proxy requires authentication; add the credentials to the proxy URL")]
    ProxyAuthentication,
    #[error(
        "the response is a redirect, which is not followed; configure the target of the redirect as the token URL"
    )]
    Redirect,
    #[error("a token endpoint does not respond with this status; check the token URL")]
    Status,
    #[error(
        "the token contains characters that are not allowed in a bearer token (RFC 6750, section 2.1); check the issuer"
    )]
    TokenCharacters,
    #[error(
        "token_type is {0}, but only Bearer is supported; configure the client in Passport for Bearer tokens"
    )]
    TokenType(&'static str),
}

impl InvalidReason {
    /// Returns why a response with `status` is invalid. The response is neither a success nor an
    /// OAuth error.
    fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            300..=399 => Self::Redirect,
            407 => Self::ProxyAuthentication,
            _ => Self::Status,
        }
    }

    /// Returns whether the response will be the same until a URL or a server is changed. If so, the
    /// error is not transient. A web page or an empty body is not permanent, because a proxy can
    /// return it during a deployment.
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

/// Parses the body of a response, which must be a JSON object.
fn members(body: &[u8]) -> Result<ResponseMembers, InvalidReason> {
    const MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    if MARKS.iter().any(|mark| body.starts_with(mark)) {
        return Err(InvalidReason::ByteOrderMark);
    }
    match body.trim_ascii_start().first() {
        None => Err(InvalidReason::Empty),
        Some(b'<') => Err(InvalidReason::Markup),
        // Checked before parsing, because serde would also accept an array of the members in their
        // order.
        Some(b'{') => serde_json::from_slice(body).map_err(|_| InvalidReason::NotAnObject),
        Some(_) => Err(InvalidReason::NotAnObject),
    }
}

/// Returns the name of the token type for the error message, if the name is a registered or
/// common one. Any other text is not quoted, because it could be a secret.
fn registered_type(token_type: &Value) -> &'static str {
    const KNOWN: [&str; 6] = ["DPoP", "PoP", "MAC", "N_A", "Basic", "JWT"];
    let registered =
        token_type.as_str().and_then(|name| KNOWN.into_iter().find(|known| name.eq_ignore_ascii_case(known)));
    registered.unwrap_or("an unknown type")
}

/// Returns the OAuth error code of a response. Returns `None` in these cases:
/// - The response contains no error code.
/// - The response contains a token.
/// - The code does not consist of 1 to 64 lower-case letters and `_`, as the registered codes
///   do. Any other text could be a secret.
fn error_code(members: &ResponseMembers) -> Option<String> {
    let string = |member: &Option<Value>| member.as_ref().and_then(Value::as_str).map(str::to_owned);
    let code = string(&members.error)?;
    let is_well_formed =
        (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let has_token = string(&members.access_token).is_some_and(|token| !token.is_empty());
    (is_well_formed && !has_token).then_some(code)
}

/// The registered OAuth error codes, which only an OAuth server sends
/// ([RFC 6749, section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
const REGISTERED: [&str; 6] = [
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// Returns the failure for an error response. The kind of the failure is:
/// - `Unavailable` for status 408, 429 or 5xx, and for the codes `temporarily_unavailable` and
///   `server_error`;
/// - `Rejected` for status 400, 401 or 403, for a registered code with any other status, and
///   for any code with status 2xx, because some servers respond to errors with status 200;
/// - `InvalidResponse` otherwise, also for an unregistered code, which can come from a gateway.
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
        TokenErrorKind::InvalidResponse => invalid(InvalidReason::of_status(status)),
        _ => FetchFailure::of(kind),
    };
    FetchFailure { status: Some(status), oauth_error: code, retry_after: wait, ..failure }
}

/// Returns the lifetime of a token:
/// - If `expires_in` is positive: the shorter of `expires_in` and the lifetime that the claims
///   of the token state.
/// - If `expires_in` is missing, invalid or zero: the lifetime that the claims state.
/// - If `expires_in` is missing or invalid, and the token has no claims: [`UNKNOWN_LIFETIME`].
/// - If `expires_in` is zero, and the token has no claims: `None`, an invalid response.
fn lifetime(token: &str, expires_in: Option<&Value>, now: SystemTime) -> Option<Duration> {
    let claims = claims(token);
    let expires_in = expires_in.map(seconds);
    let lifetime = match (expires_in, &claims) {
        (Some(Some(stated)), Some(claims)) if !stated.is_zero() => claims.limit(stated, now),
        (Some(Some(stated)), None) if !stated.is_zero() => stated,
        (_, Some(claims)) => claims.left(now),
        (Some(Some(_zero)), None) => return None,
        (Some(None) | None, None) => UNKNOWN_LIFETIME,
    };
    Some(lifetime.min(MAX_LIFETIME))
}

/// Parses `expires_in`, a number of seconds. Some servers send the number as a string. A
/// negative number counts as zero. Returns `None` for any other value.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<Number>().ok().and_then(|number| number.as_f64()),
        _ => None,
    }?;
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(MAX_LIFETIME))
}

/// The claims that limit the lifetime of a token. The signature is not verified, because the
/// service uses these claims only to decide when to refresh its own token.
#[derive(Deserialize)]
struct LifetimeClaims {
    exp: f64,
    iat: Option<f64>,
}

/// Parses the claims of a JWT. `None` for an opaque token, and for a JWT without a numeric
/// `exp`.
fn claims(token: &str) -> Option<LifetimeClaims> {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

impl LifetimeClaims {
    /// Returns the total lifetime: the time from issue to expiry, both by Passport's clock. `None`
    /// without a valid `iat`.
    fn total(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.exp - self.iat?).ok().filter(|life| !life.is_zero())
    }

    /// Returns the shorter of `stated`, which is the lifetime by `expires_in`, and the lifetime
    /// that the claims state. If the claims leave less than [`MIN_LIFETIME`] from now by the local
    /// clock, that time is ignored: the token was just issued, so the local clock is wrong, for
    /// example by an hour.
    fn limit(&self, stated: Duration, now: SystemTime) -> Duration {
        let stated = stated.min(self.total().unwrap_or(stated));
        let left = self.left(now);
        if left < MIN_LIFETIME { stated } else { stated.min(left) }
    }

    /// Returns the time from `now` to the expiry, by the local clock. Returns at most the total
    /// lifetime, because the local clock can be behind.
    fn left(&self, now: SystemTime) -> Duration {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let left = Duration::try_from_secs_f64((self.exp - now).max(0.0)).unwrap_or(MAX_LIFETIME);
        self.total().map_or(left, |total| left.min(total))
    }
}

/// Returns the requested scopes that were not granted. A response without `scope` grants all
/// requested scopes ([RFC 6749, section
/// 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
fn missing(requested: &Scopes, granted: Option<&Value>) -> Vec<String> {
    let Some(granted) = granted.and_then(Value::as_str).filter(|granted| !granted.trim().is_empty()) else {
        return Vec::new();
    };
    let granted: HashSet<_> = granted.split_ascii_whitespace().collect();
    requested.iter().filter(|scope| !granted.contains(scope)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
