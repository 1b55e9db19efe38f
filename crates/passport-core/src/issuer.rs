use std::fmt;

use http::Uri;
use url::Url;

use crate::{Origin, origin::parse_error};

/// The issuer of tokens (a Passport server), and the URLs of its endpoints.
///
/// The issuer's URL is stored unchanged, because the `iss` claim of a token must be equal to the
/// URL byte for byte.
///
/// The endpoints are below the issuer's URL, as in Passport's documentation:
/// - token requests: `/passport/token`
/// - discovery document: `/passport/.well-known/openid-configuration`, or
///   `/.well-known/openid-configuration`
///
/// Other servers with the same protocol can have other URLs for token requests and signing keys.
/// [`with_token_url`](Self::with_token_url) and [`with_jwks_url`](Self::with_jwks_url) set these
/// URLs.
///
/// All URLs must be `https`. Plain `http` is accepted only for loopback hosts, and for issuers
/// that were created by [`Issuer::danger_plain_http`].
#[derive(Clone)]
pub struct Issuer {
    id: String,
    base: Url,
    plain_http: bool,
    /// Whether only the standard URL of the discovery document is used, and not Passport's.
    standard_discovery: bool,
    token_url: Option<Url>,
    jwks_url: Option<Url>,
}

const JWKS_PATHS: [&str; 2] = ["/passport/.well-known/jwks.json", "/.well-known/jwks.json"];

impl Issuer {
    /// The URL of BizFirst's Passport.
    pub const PASSPORT: &str = "https://passport.bizfirst.ai";

    /// Creates an issuer with the URL `id`. Its tokens have `id` as `iss` claim, and its endpoints
    /// are below `id`.
    ///
    /// # Errors
    /// When `id`
    /// - is neither an absolute `https` URL nor an `http` URL with a loopback host,
    /// - has user information, a query or a fragment, or
    /// - cannot be used in an HTTP request.
    pub fn new(id: &str) -> Result<Self, InvalidIssuer> {
        Self::create(id, false)
    }

    /// Creates an issuer like [`Issuer::new`], but accepts plain `http` with any host, for `id` and
    /// for the URLs of the endpoints. Each URL can be `http` or `https`. For example, the public
    /// issuer can be `https`, and an internal token URL can be `http`.
    ///
    /// **Danger:** with plain `http`, anyone on the network path can read client secrets and
    /// tokens, and replace signing keys. Use it only in a private network that is trusted or
    /// encrypted, such as a service mesh.
    ///
    /// # Errors
    /// The errors of [`Issuer::new`], but plain `http` is not an error.
    pub fn danger_plain_http(id: &str) -> Result<Self, InvalidIssuer> {
        Self::create(id, true)
    }

    fn create(id: &str, plain_http: bool) -> Result<Self, InvalidIssuer> {
        let base = endpoint(id, plain_http)?;
        if base.query().is_some() {
            return Err(InvalidIssuer("the URL must not have a query"));
        }
        let id = id.to_owned();
        Ok(Self { id, base, plain_http, standard_discovery: false, token_url: None, jwks_url: None })
    }

    /// Sets the URL to which token requests are sent. Defaults to `/passport/token` below the
    /// issuer's URL.
    ///
    /// # Errors
    /// When `url` violates the rules for the issuer's URL. A query is allowed.
    pub fn with_token_url(mut self, url: &str) -> Result<Self, InvalidIssuer> {
        self.token_url = Some(endpoint(url, self.plain_http)?);
        Ok(self)
    }

    /// Sets the URL of the signing keys (JWKS). The discovery document is then not fetched.
    /// Defaults to the `jwks_uri` of the discovery document.
    ///
    /// # Errors
    /// When `url` violates the rules for the issuer's URL. A query is allowed.
    pub fn with_jwks_url(mut self, url: &str) -> Result<Self, InvalidIssuer> {
        self.jwks_url = Some(endpoint(url, self.plain_http)?);
        Ok(self)
    }

    /// Marks the issuer as another identity provider than Passport. Only the standard URL of the
    /// discovery document is then used, and no alternative URL of the signing keys.
    #[must_use]
    pub fn with_standard_discovery(self) -> Self {
        Self { standard_discovery: true, ..self }
    }

    /// Returns the issuer's URL exactly as it was configured. The `iss` claim of a token must be
    /// equal to this URL.
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

    /// Returns the URL of the signing keys that [`with_jwks_url`](Self::with_jwks_url) has set.
    /// Returns `None` if it was not set. Then the discovery document contains the URL.
    #[must_use]
    pub fn jwks_url(&self) -> Option<&Url> {
        self.jwks_url.as_ref()
    }

    /// Returns the possible URLs of the discovery document, in the order in which they are
    /// requested. All are below the issuer's URL:
    /// - `/passport/.well-known/openid-configuration`, as in Passport's documentation, unless
    ///   [`with_standard_discovery`](Self::with_standard_discovery) was called
    /// - `/.well-known/openid-configuration`, as in [OpenID Connect Discovery, section
    ///   4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)
    #[must_use]
    pub fn discovery_urls(&self) -> Vec<Url> {
        let paths = ["/passport/.well-known/openid-configuration", "/.well-known/openid-configuration"];
        paths.into_iter().skip(usize::from(self.standard_discovery)).map(|path| self.below(path)).collect()
    }

    /// Returns the alternative to `url`, which is a URL of the signing keys. Passport's
    /// documentation names two URLs: `/passport/.well-known/jwks.json` and
    /// `/.well-known/jwks.json`, below the issuer's URL.
    /// - If `url` is one of these two URLs, returns the other.
    /// - Otherwise, or after [`with_standard_discovery`](Self::with_standard_discovery), returns
    ///   `None`.
    #[must_use]
    pub fn other_jwks_url(&self, url: &Url) -> Option<Url> {
        let [documented, specified] = JWKS_PATHS.map(|path| self.below(path));
        if self.standard_discovery {
            None
        } else if *url == documented {
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

/// Omits the URLs that override endpoints, because the query of a URL can contain credentials.
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

/// The error of a URL that is not valid for an [`Issuer`] or for one of its endpoints.
///
/// `Display` and `Debug` are the same message. The message does not contain the URL, because a
/// URL can contain credentials.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid issuer URL (expected https://host): {0}")]
pub struct InvalidIssuer(&'static str);

/// Prints the same message as `Display`, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for InvalidIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
