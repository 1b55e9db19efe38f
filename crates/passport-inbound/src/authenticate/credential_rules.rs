//! Extraction of the token from a cookie or the query, and removal of credentials before the
//! inner service. Pure.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{
        ACCEPT, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONNECTION, COOKIE, Entry, ORIGIN, UPGRADE,
    },
};

use percent_encoding::percent_decode_str;

use super::public_paths::PublicPaths;
use crate::{RejectionReason, authenticate::bearer::bearer, metrics::TARGET, request_path::routed_path};

/// Settings for tokens outside the `Authorization` header, for requests that need no token, and
/// for the removal of credentials and headers. All settings are off by default.
#[derive(Clone, Debug, Default)]
pub(super) struct CredentialRules {
    /// The name of the cookie from which the token is read, if the `Authorization` header has no
    /// Bearer token.
    pub(super) cookie: Option<String>,
    /// Whether the token is also read from the query parameter `access_token` of requests on which
    /// scripts in browsers cannot set headers.
    pub(super) query: bool,
    /// Whether CORS preflights are forwarded without a token.
    pub(super) preflight: bool,
    /// The paths whose requests are forwarded without a token.
    pub(super) public: Option<PublicPaths>,
    /// Whether a verified token is removed from the request before the inner service is called.
    pub(super) strips_token: bool,
    /// The headers that are removed from each request, because a client could forge them.
    pub(super) stripped_headers: Vec<HeaderName>,
}

/// The query parameter that contains the token ([RFC 6750, section
/// 2.3](https://www.rfc-editor.org/rfc/rfc6750#section-2.3)).
const PARAMETER: &str = "access_token";

impl CredentialRules {
    /// Returns the token of a request, or `None` if the request has no token.
    ///
    /// - A token in the header or the query takes precedence over a token in a cookie, because
    ///   browsers send cookies with every request.
    /// - A token both in the header and in the query is an error.
    pub(super) fn token<'a, B>(&self, request: &'a Request<B>) -> Result<Option<&'a [u8]>, RejectionReason> {
        let in_header = bearer(request.headers())?;
        let in_query =
            if self.query && cannot_set_headers(request) { parameter(request.uri())? } else { None };
        match (in_header, in_query, &self.cookie) {
            (Some(_), Some(_), _) => Err(RejectionReason::DuplicateCredentials),
            (Some(token), None, _) | (None, Some(token), _) => Ok(Some(token)),
            (None, None, Some(name)) => {
                let token = cookie(request.headers(), name)?;
                if tracing::enabled!(target: TARGET, tracing::Level::DEBUG)
                    && is_chunked(request.headers(), name, token)
                {
                    tracing::debug!(
                        target: TARGET,
                        cookie = name,
                        "token cookie is split into chunks (name.0, name-0, nameC1), which is not supported; store the token in one cookie or send it in the Authorization header"
                    );
                }
                Ok(token)
            }
            (None, None, None) => Ok(None),
        }
    }

    /// Returns whether the request needs no token: its path is public, or it is a preflight.
    pub(super) fn needs_no_token<B>(&self, request: &Request<B>) -> bool {
        let is_public =
            |public: &PublicPaths| public.contains(routed_path(request.uri(), request.extensions()));
        self.is_preflight(request) || self.public.as_ref().is_some_and(is_public)
    }

    /// Returns whether the layer forwards preflights and the request is a CORS preflight. A request
    /// with an `Authorization` header is not a preflight.
    fn is_preflight<B>(&self, request: &Request<B>) -> bool {
        let has = |name: HeaderName| request.headers().contains_key(name);
        self.preflight
            && request.method() == Method::OPTIONS
            && has(ORIGIN)
            && has(ACCESS_CONTROL_REQUEST_METHOD)
            && !has(AUTHORIZATION)
    }

    /// Removes the configured credentials and headers from a request before the inner service is
    /// called. The header and the cookie that contain the token are removed only if the token was
    /// verified.
    pub(super) fn strip<B>(&self, request: &mut Request<B>, is_verified: bool) {
        if self.query {
            strip_parameter(request.uri_mut());
            #[cfg(feature = "axum")]
            if let Some(original) = request.extensions_mut().get_mut::<axum::extract::OriginalUri>() {
                strip_parameter(&mut original.0);
            }
        }
        if self.strips_token && is_verified {
            request.headers_mut().remove(AUTHORIZATION);
            if let Some(name) = &self.cookie {
                strip_cookie(request.headers_mut(), name);
            }
        }
        for name in &self.stripped_headers {
            strip_header(request.headers_mut(), name);
        }
        if self.cookie.is_some() {
            // Other cookies are credentials as well, and must not be logged.
            if let Entry::Occupied(mut cookies) = request.headers_mut().entry(COOKIE) {
                cookies.iter_mut().for_each(|cookie| cookie.set_sensitive(true));
            }
        }
    }
}

/// Returns whether the request opens a WebSocket or a stream of server-sent events. Scripts in
/// browsers cannot set headers on such requests.
fn cannot_set_headers<B>(request: &Request<B>) -> bool {
    let has = |name: HeaderName, word: &str| {
        let texts = request.headers().get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        texts
            .flat_map(|text| text.split(','))
            .any(|part| part.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(word))
    };
    // Over HTTP/2, a WebSocket is opened with CONNECT (RFC 8441).
    let upgrades = || has(CONNECTION, "upgrade") && request.headers().contains_key(UPGRADE);
    request.method() == Method::CONNECT
        || (request.method() == Method::GET && (upgrades() || has(ACCEPT, "text/event-stream")))
}

/// Returns whether a `name=value` pair is the token parameter. The name is percent-decoded,
/// because the inner service decodes it as well.
fn is_parameter(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    percent_decode_str(name).eq(PARAMETER.bytes())
}

/// Returns the token in the query, or `None` if the query has no token. Two tokens are an error.
fn parameter(uri: &Uri) -> Result<Option<&[u8]>, RejectionReason> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| is_parameter(pair));
    only(
        pairs
            .filter_map(|pair| pair.split_once('='))
            .map(|(_, token)| token.as_bytes())
            .filter(|token| !token.is_empty()),
    )
}

/// Splits a cookie into name and value. Returns `None` if the cookie has no `=`. The function
/// works on bytes, because other cookies can be invalid UTF-8.
fn name_and_value(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pair.iter().position(|byte| *byte == b'=')?;
    Some((pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()))
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(COOKIE).into_iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
}

fn is_cookie(pair: &[u8], name: &str) -> bool {
    name_and_value(pair).is_some_and(|(own, _)| own == name.as_bytes())
}

/// Returns the token in the cookie `name`, without quotes, or `None` if there is no such cookie.
/// Two tokens are an error.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, RejectionReason> {
    let own = cookies(headers).filter_map(name_and_value).filter(|(own, _)| *own == name.as_bytes());
    let unquoted = |value: &'a [u8]| value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    // An empty cookie counts as absent, because some sites set an empty cookie at sign-out.
    only(own.map(|(_, value)| unquoted(value).unwrap_or(value)).filter(|value| !value.is_empty()))
}

/// Returns whether a session library has split the token into several cookies: `name.0`,
/// `name-0`, or `nameC1` together with `name=chunks-2`.
fn is_chunked(headers: &HeaderMap, name: &str, token: Option<&[u8]>) -> bool {
    let is_chunk = |own: &[u8]| match own.strip_prefix(name.as_bytes()) {
        Some([b'.' | b'-' | b'_' | b'C', digits @ ..]) => {
            !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    token.is_none_or(|token| token.starts_with(b"chunks-"))
        && cookies(headers).filter_map(name_and_value).any(|(own, _)| is_chunk(own))
}

/// Returns the only token, or `None` if there is no token. Two tokens are an error: only one of
/// them would be verified, and the inner service could use the other one.
fn only<'a>(mut tokens: impl Iterator<Item = &'a [u8]>) -> Result<Option<&'a [u8]>, RejectionReason> {
    match (tokens.next(), tokens.next()) {
        (_, Some(_)) => Err(RejectionReason::DuplicateCredentials),
        (token, None) => Ok(token),
    }
}

/// Removes the token parameter from the query.
fn strip_parameter(uri: &mut Uri) {
    let Some(query) = uri.query().filter(|query| query.split('&').any(is_parameter)) else { return };
    let rest: Vec<_> = query.split('&').filter(|pair| !is_parameter(pair)).collect();
    let rest = rest.join("&");
    let path = if rest.is_empty() { uri.path().to_owned() } else { format!("{}?{rest}", uri.path()) };
    let mut parts = uri.clone().into_parts();
    // If the rest of the query does not give a valid URI, the whole query is removed.
    parts.path_and_query = path.parse().or_else(|_| uri.path().parse()).ok();
    *uri = Uri::from_parts(parts).unwrap_or_default();
}

/// Removes the cookie `name`, and keeps the other cookies.
fn strip_cookie(headers: &mut HeaderMap, name: &str) {
    if !cookies(headers).any(|pair| is_cookie(pair, name)) {
        return;
    }
    let others = cookies(headers).filter(|pair| !is_cookie(pair, name));
    let rest: Vec<_> = others.map(<[u8]>::trim_ascii).collect();
    match HeaderValue::from_bytes(&rest.join(&b"; "[..])) {
        Ok(rest) if !rest.is_empty() => drop(headers.insert(COOKIE, rest)),
        _ => drop(headers.remove(COOKIE)),
    }
}

/// Removes the header `name` in all its spellings with `_` and `-`, because some gateways treat
/// `x_user_id` and `x-user-id` as the same name.
fn strip_header(headers: &mut HeaderMap, name: &HeaderName) {
    let plain = |name: &HeaderName| name.as_str().replace('_', "-");
    let alike: Vec<_> = headers.keys().filter(|own| plain(own) == plain(name)).cloned().collect();
    for own in alike {
        headers.remove(own);
    }
}

#[cfg(test)]
mod tests;
