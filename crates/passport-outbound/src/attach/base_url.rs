//! The base URL of a called service.

use passport_core::{ConfigError, ConfigProblem, Origin};
use url::Url;

use super::allowed_origins::{AllowedOrigins, NotAllowable, secure};

impl AllowedOrigins {
    /// Allows the origin of a base URL, which can have a path: `https://host[:port]/path`. Requests
    /// to other paths of the origin are allowed as well.
    ///
    /// Use it if the same base URL also configures the client. For several origins, without a path,
    /// use [`AllowedOrigins::new`].
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if `url` is not an absolute `https` URL (`http` for a loopback
    /// host), or has user information, a query or a fragment.
    pub fn base_url(url: &str) -> Result<Self, ConfigError> {
        of_base_url(url, false)
    }

    /// Allows the origin of a base URL like [`AllowedOrigins::base_url`], also with plain `http`.
    /// [`AllowedOrigins::danger_plain_http`] does the same for origins without a path.
    ///
    /// **Danger:** see [`AllowedOrigins::danger_plain_http`].
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if `url` is not an absolute URL, or has user information, a query
    /// or a fragment.
    pub fn danger_plain_http_base_url(url: &str) -> Result<Self, ConfigError> {
        of_base_url(url, true)
    }
}

/// The option that allows plain `http`, as error messages name it. `passport-config` calls
/// `danger_plain_http_base_url` for its key `danger_plain_http`, so the message names both.
const PLAIN_HTTP_BASE_URL: &str = "danger_plain_http (in code danger_plain_http_base_url)";

fn of_base_url(url: &str, allow_plain: bool) -> Result<AllowedOrigins, ConfigError> {
    match base_url(url, allow_plain, PLAIN_HTTP_BASE_URL) {
        Ok((_, origins)) => Ok(origins),
        Err(wrong) => Err(ConfigError::new(vec![ConfigProblem::with_source("base_url", wrong)])),
    }
}

/// Parses the base URL `text`. Returns it, and [`AllowedOrigins`] with only its origin. The path
/// of the returned URL ends in a slash, so that relative paths are resolved below it. The error
/// of a plain `http` URL names `opt_in`, the option that allows it.
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
