//! The base URL of a service that is called.

use passport_core::{ConfigError, ConfigProblem, Origin};
use url::Url;

use super::allowed_origins::{AllowedOrigins, NotAllowable, secure};

impl AllowedOrigins {
    /// Allows the origin of a service's base URL, which may have a path: `https://host[:port]/path`.
    /// The path does not restrict requests.
    ///
    /// For a base URL that a configuration gives and a client takes as well.
    /// [`AllowedOrigins::new`] takes several origins, without a path.
    ///
    /// # Errors
    /// A [`ConfigError`] when it is not an absolute `https` URL (or one of a loopback host), or has
    /// user information, a query or a fragment.
    pub fn base_url(url: &str) -> Result<Self, ConfigError> {
        of_base_url(url, false)
    }

    /// Allows a base URL like [`AllowedOrigins::base_url`], and plain `http` as well. For a base
    /// URL with a path, which [`AllowedOrigins::danger_plain_http`] rejects.
    ///
    /// **Danger:** as [`AllowedOrigins::danger_plain_http`].
    ///
    /// # Errors
    /// When it is not an absolute URL, or has user information, a query or a fragment.
    pub fn danger_plain_http_base_url(url: &str) -> Result<Self, ConfigError> {
        of_base_url(url, true)
    }
}

/// The opt-in to plain `http`. Configurations use this function for their key as well.
const PLAIN_HTTP_BASE_URL: &str = "danger_plain_http (in code danger_plain_http_base_url)";

fn of_base_url(url: &str, allow_plain: bool) -> Result<AllowedOrigins, ConfigError> {
    match base_url(url, allow_plain, PLAIN_HTTP_BASE_URL) {
        Ok((_, origins)) => Ok(origins),
        Err(wrong) => Err(ConfigError::new(vec![ConfigProblem::with_source("base_url", wrong)])),
    }
}

/// Returns the base URL of a service and the list of its origin. The path of the URL ends in a
/// slash, so that relative paths are resolved below it. The error of a plain `http` URL names
/// `opt_in`.
pub(crate) fn base_url(
    text: &str,
    allow_plain: bool,
    opt_in: &'static str,
) -> Result<(Url, AllowedOrigins), NotAllowable> {
    let mut url = Url::parse(text).map_err(NotAllowable::NotAbsolute)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NotAllowable::UserInfo);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(NotAllowable::MoreThanPath);
    }
    let origin = Origin::of(&url)?;
    let origin = if allow_plain { origin } else { secure(origin, opt_in)? };
    if !url.path().ends_with('/') {
        let path = [url.path(), "/"].concat();
        url.set_path(&path);
    }
    Ok((url, AllowedOrigins::single(origin)))
}

#[cfg(test)]
mod tests;
