//! The identifier of a protected resource, and the URL of its metadata. Pure.

use passport_core::Origin;
use url::{Position, Url};

/// The path that is inserted between the host and the path of the identifier ([RFC 9728, section
/// 3](https://www.rfc-editor.org/rfc/rfc9728#section-3)).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// A resource identifier ([RFC 9728, section
/// 1.2](https://www.rfc-editor.org/rfc/rfc9728#section-1.2)) with the URL of the metadata.
#[derive(Clone, Debug)]
pub(super) struct ResourceIdentifier {
    /// The identifier exactly as it was configured. Clients compare it byte for byte with the URL
    /// that they use ([RFC 9728, section
    /// 3.3](https://www.rfc-editor.org/rfc/rfc9728#section-3.3)).
    text: String,
    metadata_url: Url,
}

impl ResourceIdentifier {
    /// Parses an identifier: an `https` URL without a fragment. Plain `http` is accepted for
    /// loopback hosts, and for other hosts if `allows_plain_http` is true.
    ///
    /// # Errors
    /// What is wrong, and the remedy. The text does not contain credentials.
    pub(super) fn parse(text: &str, allows_plain_http: bool) -> Result<Self, String> {
        let not_a_url = || "not an https URL; write one such as https://api.example/orders".to_owned();
        let url = Url::parse(text).map_err(|_| not_a_url())?;
        let origin = Origin::of(&url).map_err(|_| not_a_url())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not contain user information; remove it".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must not have a fragment (RFC 9728, section 1.2); remove it".to_owned());
        }
        if !origin.is_secure() && !allows_plain_http {
            let problem = "plain http is accepted only for loopback hosts; use https, or danger_plain_http in a private network";
            return Err(problem.to_owned());
        }
        if text.contains('\\') {
            return Err("must not contain a backslash; remove it".to_owned());
        }
        if text != url.as_str() && text != without_root_path(&url) {
            return Err(format!(
                "not in the form to which clients normalize URLs, so they would not recognize it; write {url}"
            ));
        }
        if url.path().split('/').any(|segment| segment.starts_with([':', '*'])) {
            // axum panics on such a route.
            return Err("a path segment begins with `:` or `*`; choose another path".to_owned());
        }
        Ok(Self { text: text.to_owned(), metadata_url: metadata_url(url) })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn metadata_url(&self) -> &str {
        self.metadata_url.as_str()
    }

    pub(super) fn metadata_path(&self) -> &str {
        self.metadata_url.path()
    }

    /// Returns whether a request with this path and query is for the metadata. If the identifier
    /// has no query, any query matches.
    pub(super) fn matches(&self, path: &str, query: Option<&str>) -> bool {
        let own_query = self.metadata_url.query();
        path == self.metadata_path() && (own_query.is_none() || own_query == query)
    }
}

/// Returns the URL without the slash that follows the host, if this slash is the whole path.
fn without_root_path(url: &Url) -> String {
    let path = if url.path() == "/" { "" } else { url.path() };
    [&url[..Position::BeforePath], path, &url[Position::AfterPath..]].concat()
}

/// Inserts the well-known path between the host and the path ([RFC 9728, section
/// 3.1](https://www.rfc-editor.org/rfc/rfc9728#section-3.1)). A path that is only a slash is
/// removed first.
fn metadata_url(mut url: Url) -> Url {
    let path = if url.path() == "/" { "" } else { url.path() };
    let path = [WELL_KNOWN, path].concat();
    url.set_path(&path);
    url
}

#[cfg(test)]
mod tests;
