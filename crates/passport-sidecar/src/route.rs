//! What is asked for, as the path says it. Pure: the one place that knows which paths are the sidecar's own.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// In the place of Passport's own token endpoint: stock clients send no header of ours, but the caller's token.
    DropIn,
    Token,
    Refresh,
    Validate,
    /// Asked by proxies, about requests that come from elsewhere: it gives nothing but what it is shown already.
    Auth,
    /// Passed on to the upstream that the path names.
    ProxyByPath,
    /// Passed on to the upstream that a header names.
    ProxyByHeader,
    /// It would be ours, if there were such a thing: it is never an upstream's, whatever the headers say.
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

    /// As metrics have it.
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

/// Whether an upstream may be called so: it stands in paths and in the log as it is.
pub(crate) fn is_valid_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=60).contains(&name.len()) && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests;
