//! The base URL of a service that is called.

use passport_core::Origin;
use url::Url;

use super::allowed_origins::{AllowedOrigins, NotAllowable, PLAIN_HTTP, secure};

/// Returns the base URL of a service and the list of its origin. The path of the URL ends in a
/// slash, so that relative paths are resolved below it.
pub(crate) fn base_url(text: &str, allow_plain: bool) -> Result<(Url, AllowedOrigins), NotAllowable> {
    let mut url = Url::parse(text).map_err(NotAllowable::NotAbsolute)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NotAllowable::UserInfo);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(NotAllowable::MoreThanPath);
    }
    let origin = Origin::of(&url)?;
    let origin = if allow_plain { origin } else { secure(origin, PLAIN_HTTP)? };
    if !url.path().ends_with('/') {
        let path = [url.path(), "/"].concat();
        url.set_path(&path);
    }
    Ok((url, AllowedOrigins::single(origin)))
}

#[cfg(test)]
mod tests;
