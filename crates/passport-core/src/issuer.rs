use std::fmt;

use http::Uri;
use url::Url;

use crate::{Origin, origin::parse_error};

/// The issuer of tokens, which is a Passport, and the URLs of its endpoints.
///
/// The issuer's URL is kept byte for byte, because the `iss` claim of tokens is compared with it
/// byte for byte. The endpoints are those that Passport documents: `/passport/token` for token
/// requests, and discovery documents below `/passport/` and at the root. The URLs for token
/// requests and signing keys can be overridden, for other servers with the same protocol.
///
/// All URLs must be `https`. Plain `http` is accepted only for loopback hosts, and for issuers
/// that were created by [`Issuer::danger_plain_http`].
#[derive(Clone)]
pub struct Issuer {
    id: String,
    base: Url,
    plain_http: bool,
    token_url: Option<Url>,
    jwks_url: Option<Url>,
}

const JWKS_PATHS: [&str; 2] = ["/passport/.well-known/jwks.json", "/.well-known/jwks.json"];

impl Issuer {
    /// The URL of BizFirst's Passport.
    pub const PASSPORT: &str = "https://passport.bizfirst.ai";

    /// Creates an issuer whose tokens have `id` as their `iss` claim. Its endpoints are below the
    /// URL `id`.
    ///
    /// # Errors
    /// When `id` is not an absolute `https` URL (or `http` with a loopback host), or has user
    /// information, a query or a fragment.
    pub fn new(id: &str) -> Result<Self, InvalidIssuer> {
        Self::create(id, false)
    }

    /// Creates an issuer like [`Issuer::new`], but accepts plain `http` for the issuer and for its
    /// endpoints. Each URL can still be `https`, for example a public issuer with an internal token
    /// URL.
    ///
    /// **Danger:** with plain `http`, anyone on the network path can read client secrets and
    /// tokens, and replace signing keys. Use it only in a private network that is trusted or
    /// encrypted, such as a service mesh.
    ///
    /// # Errors
    /// Those of [`Issuer::new`], except for plain `http`.
    pub fn danger_plain_http(id: &str) -> Result<Self, InvalidIssuer> {
        Self::create(id, true)
    }

    fn create(id: &str, plain_http: bool) -> Result<Self, InvalidIssuer> {
        let base = endpoint(id, plain_http)?;
        if base.query().is_some() {
            return Err(InvalidIssuer("the URL must not have a query"));
        }
        Ok(Self { id: id.to_owned(), base, plain_http, token_url: None, jwks_url: None })
    }

    /// Sets the URL to which token requests are sent. Defaults to `/passport/token` below the
    /// issuer's URL.
    ///
    /// # Errors
    /// Those of [`Issuer::new`], except that a query is allowed.
    pub fn with_token_url(mut self, url: &str) -> Result<Self, InvalidIssuer> {
        self.token_url = Some(endpoint(url, self.plain_http)?);
        Ok(self)
    }

    /// Sets the URL of the signing keys (JWKS). The discovery document is then not fetched.
    /// Defaults to the `jwks_uri` of the discovery document.
    ///
    /// # Errors
    /// Those of [`Issuer::new`], except that a query is allowed.
    pub fn with_jwks_url(mut self, url: &str) -> Result<Self, InvalidIssuer> {
        self.jwks_url = Some(endpoint(url, self.plain_http)?);
        Ok(self)
    }

    /// Returns the issuer's URL exactly as it was configured. The `iss` claim of a token must be
    /// equal to it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the origin of the issuer's URL.
    ///
    /// # Panics
    /// Never: the constructors check that the URL has an origin.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::of(&self.base).expect("the constructors check that the URL has an origin")
    }

    /// Returns the URL to which token requests are sent.
    #[must_use]
    pub fn token_url(&self) -> Url {
        self.token_url.clone().unwrap_or_else(|| self.below("/passport/token"))
    }

    /// Returns the configured URL of the signing keys, or `None` if the discovery document contains
    /// it.
    #[must_use]
    pub fn jwks_url(&self) -> Option<&Url> {
        self.jwks_url.as_ref()
    }

    /// Returns the two URLs of the discovery document, in the order in which they are tried: below
    /// `/passport/`, as Passport documents it, and that of [OpenID Connect Discovery, section
    /// 4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig).
    #[must_use]
    pub fn discovery_urls(&self) -> [Url; 2] {
        ["/passport/.well-known/openid-configuration", "/.well-known/openid-configuration"]
            .map(|path| self.below(path))
    }

    /// Returns the alternative to `url`, the URL of the signing keys. Passport's documentation
    /// names two URLs; for either, the other is returned. Returns `None` if `url` is neither of
    /// them.
    #[must_use]
    pub fn other_jwks_url(&self, url: &Url) -> Option<Url> {
        let [documented, specified] = JWKS_PATHS.map(|path| self.below(path));
        if *url == documented {
            Some(specified)
        } else if *url == specified {
            Some(documented)
        } else {
            None
        }
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&[self.base.path().trim_end_matches('/'), path].concat());
        url
    }
}

/// Omits overridden endpoints, because their query can contain credentials.
impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("id", &self.id).finish_non_exhaustive()
    }
}

fn endpoint(text: &str, plain_http: bool) -> Result<Url, InvalidIssuer> {
    let url = Url::parse(text).map_err(|error| InvalidIssuer(parse_error(error)))?;
    let origin = Origin::of(&url).map_err(|_| InvalidIssuer("not an https URL"))?;
    if !origin.is_secure() && !plain_http {
        return Err(InvalidIssuer(
            "plain http is accepted only for loopback hosts; use https, or danger_plain_http in a private network",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidIssuer("the URL must not contain user information"));
    }
    if url.fragment().is_some() {
        return Err(InvalidIssuer("the URL must not have a fragment"));
    }
    if url.as_str().parse::<Uri>().is_err() {
        return Err(InvalidIssuer("the URL cannot be used in an HTTP request"));
    }
    Ok(url)
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

/// The error of a URL that cannot be an [`Issuer`] or one of its endpoints.
///
/// `Display` and `Debug` are the same message. It does not contain the URL, which can contain
/// credentials.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid URL of Passport (expected https://host): {0}")]
pub struct InvalidIssuer(&'static str);

/// Prints the same message as `Display`, because `main` prints the `Debug` output of its error.
impl fmt::Debug for InvalidIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
