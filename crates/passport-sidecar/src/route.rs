//! Decides by the path of a request whether one of the sidecar's own endpoints responds to the
//! request, or whether the request is forwarded to an upstream. Pure.

/// The handling of a request: by one of the sidecar's own endpoints, or by forwarding it to an
/// upstream. The path of the request selects the route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/passport/token`, a drop-in replacement of Passport's token endpoint. The stock OAuth2
    /// clients that use it send the caller token as their client secret, and no header of the
    /// sidecar.
    DropIn,
    /// `/v1/token`: returns a token of an identity.
    Token,
    /// `/v1/token/refresh`: replaces a token that a receiver has rejected.
    Refresh,
    /// `/v1/validate`: verifies a token, and returns its claims.
    Validate,
    /// `/v1/auth` and all paths below it. The proxy in front of another service calls this endpoint
    /// to verify the token of a request to that service.
    Auth,
    /// `/to/<upstream>/...`: forwards to the upstream that the path names.
    ProxyByPath,
    /// Any other path: forwards to the upstream that the header `Passport-Sidecar-Upstream` names.
    ProxyByHeader,
    /// A path below `/v1` or `/passport` without an endpoint. A request to such a path is never
    /// forwarded, even if a header of the request names an upstream.
    Unknown,
}

impl Route {
    /// Returns the route of requests with this path.
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/passport/token" => Self::DropIn,
            "/v1/token" => Self::Token,
            "/v1/token/refresh" => Self::Refresh,
            "/v1/validate" => Self::Validate,
            path if path == "/v1/auth" || path.starts_with("/v1/auth/") => Self::Auth,
            path => match path.split('/').nth(1) {
                Some("to") => Self::ProxyByPath,
                Some("v1" | "passport") => Self::Unknown,
                _ => Self::ProxyByHeader,
            },
        }
    }

    /// Returns whether requests of this route are forwarded to an upstream.
    pub(crate) fn is_forwarded(self) -> bool {
        matches!(self, Self::ProxyByPath | Self::ProxyByHeader)
    }

    /// Returns the value of the label `route` in metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::DropIn => "drop_in",
            Self::Token => "token",
            Self::Refresh => "refresh",
            Self::Validate => "validate",
            Self::Auth => "auth",
            Self::ProxyByPath | Self::ProxyByHeader => "forwarded",
            Self::Unknown => "unknown",
        }
    }
}

/// Returns whether `name` is a valid name of an upstream: 1 to 60 letters, digits, `-`, `_` and
/// `.`, so that it can be part of a path and of a log entry.
pub(crate) fn is_valid_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=60).contains(&name.len()) && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests;
