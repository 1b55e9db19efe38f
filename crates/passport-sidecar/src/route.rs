//! Routes: which paths are own endpoints of the sidecar, and which are forwarded. Pure.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A replacement of Passport's token endpoint. Stock OAuth2 clients send no header of the sidecar,
    /// but the caller's token as their secret.
    DropIn,
    Token,
    Refresh,
    Validate,
    /// Verifies the token of a request to another service, for the proxy in front of it.
    Auth,
    /// Forwarded to the upstream that the path names.
    ProxyByPath,
    /// Forwarded to the upstream that a header names.
    ProxyByHeader,
    /// A path of the sidecar without an endpoint. It is never forwarded, whatever the headers say.
    Unknown,
}

impl Route {
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

    /// Whether its requests go to an upstream.
    pub(crate) fn is_forwarded(self) -> bool {
        matches!(self, Self::ProxyByPath | Self::ProxyByHeader)
    }

    /// Returns its value of a label in metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::DropIn => "drop_in",
            Self::Token => "token",
            Self::Refresh => "refresh",
            Self::Validate => "validate",
            Self::Auth => "auth",
            Self::ProxyByPath | Self::ProxyByHeader => "passed_on",
            Self::Unknown => "none",
        }
    }
}

/// Whether an upstream may have that name, which is part of paths and of the log.
pub(crate) fn is_valid_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=60).contains(&name.len()) && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests;
