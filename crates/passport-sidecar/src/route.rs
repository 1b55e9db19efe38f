//! Maps paths to the sidecar's own endpoints and to upstreams. Pure.

/// The endpoint of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A drop-in replacement of Passport's token endpoint. Stock OAuth2 clients send the caller's
    /// token as their client secret, and no header of the sidecar.
    DropIn,
    /// Returns a token.
    Token,
    /// Replaces a rejected token.
    Refresh,
    /// Verifies a token, and returns its claims.
    Validate,
    /// Verifies the token of a request to another service, for the proxy in front of that service.
    Auth,
    /// Forwards to the upstream that the path names.
    ProxyByPath,
    /// Forwards to the upstream that a header names.
    ProxyByHeader,
    /// A reserved path without an endpoint. It is never forwarded, even if a header names an
    /// upstream.
    Unknown,
}

impl Route {
    /// Returns the route of `path`.
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

    /// Returns whether requests are forwarded to an upstream.
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

/// Returns whether an upstream may have this name, which is part of paths and of the log.
pub(crate) fn is_valid_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=60).contains(&name.len()) && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests;
