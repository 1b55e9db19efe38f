//! The base URL of the service that receives the requests.

use passport_core::{ConfigError, ConfigProblem, Origin};
use url::Url;

use super::allowed_origins::{AllowedOrigins, NotAllowable, secure};

impl AllowedOrigins {
    /// Allows the origin of the base URL `url`. The URL can have a path:
    /// `https://host[:port]/path`. Requests to other paths of the origin are allowed as well.
    ///
    /// Use this function if the same base URL also configures the client. For several origins, use
    /// [`AllowedOrigins::new`], which accepts no path.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if `url` is not an absolute `https` URL (`http` for a loopback
    /// host), or has user information, a query or a fragment.
    pub fn base_url(url: &str) -> Result<Self, ConfigError> {
        of_base_url(url, false)
    }

    /// Allows the origin of a base URL like [`AllowedOrigins::base_url`], but accepts plain `http`
    /// as well. For origins without a path, use [`AllowedOrigins::danger_plain_http`].
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

/// The option that allows plain `http`, as error messages name it. The message names both the
/// function `danger_plain_http_base_url` and the configuration key `danger_plain_http`, for
/// which `passport-config` calls that function.
const PLAIN_HTTP_BASE_URL: &str = "danger_plain_http (in code danger_plain_http_base_url)";

fn of_base_url(url: &str, allow_plain: bool) -> Result<AllowedOrigins, ConfigError> {
    match base_url(url, allow_plain, PLAIN_HTTP_BASE_URL) {
        Ok((_, origins)) => Ok(origins),
        Err(wrong) => Err(ConfigError::new(vec![ConfigProblem::with_source("base_url", wrong)])),
    }
}

/// Parses the base URL `text`. Returns the URL, and [`AllowedOrigins`] with only the URL's
/// origin. The path of the returned URL ends in a slash, so that relative paths are resolved
/// below it. If the URL is plain `http` for a host that is not loopback, and `allow_plain` is
/// false, returns an error that names `opt_in`, the option that allows plain `http`.
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
