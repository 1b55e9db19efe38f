use std::fmt;

use http::Uri;
use url::Url;

use crate::{Origin, origin::unparsed};

/// A Passport: the issuer its tokens name, and where its endpoints are.
///
/// The issuer's text is kept byte for byte, because tokens are compared with it byte for byte. Endpoints follow from
/// it as Passport documents them (`/passport/token`, discovery under `/passport/` and at the root); each can be
/// overridden, so that anything that speaks the same protocol will do.
///
/// Everything must be `https`; plain `http` is accepted for loopback hosts only, unless the issuer
/// is made by [`Issuer::danger_plain_http`].
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

    /// The issuer whose tokens say `iss: <id>`, with its endpoints below the same URL.
    ///
    /// # Errors
    /// When `id` is not an absolute `https` URL (or `http` on loopback), or has user information, a query or a
    /// fragment.
    pub fn new(id: &str) -> Result<Self, InvalidIssuer> {
        Self::of(id, false)
    }

    /// Like [`Issuer::new`], but the URLs of the issuer and its endpoints may be plain `http`. Each
    /// URL may still be `https`: a public issuer with an internal token URL, for example.
    ///
    /// **Danger:** anyone on the network path reads client secrets and tokens, and can replace
    /// signing keys. For a private network that is trusted or encrypted, such as a service mesh.
    ///
    /// # Errors
    /// As [`Issuer::new`], except for plain `http`.
    pub fn danger_plain_http(id: &str) -> Result<Self, InvalidIssuer> {
        Self::of(id, true)
    }

    fn of(id: &str, plain_http: bool) -> Result<Self, InvalidIssuer> {
        let base = endpoint(id, plain_http)?;
        if base.query().is_some() {
            return Err(InvalidIssuer("it has a query"));
        }
        Ok(Self { id: id.to_owned(), base, plain_http, token_url: None, jwks_url: None })
    }

    /// Sends token requests to `url`. Defaults to `/passport/token` below the issuer.
    ///
    /// # Errors
    /// As [`Issuer::new`]; a query is allowed.
    pub fn with_token_url(mut self, url: &str) -> Result<Self, InvalidIssuer> {
        self.token_url = Some(endpoint(url, self.plain_http)?);
        Ok(self)
    }

    /// Reads the signing keys from `url`, without discovery. Defaults to what discovery says.
    ///
    /// # Errors
    /// As [`Issuer::new`]; a query is allowed.
    pub fn with_jwks_url(mut self, url: &str) -> Result<Self, InvalidIssuer> {
        self.jwks_url = Some(endpoint(url, self.plain_http)?);
        Ok(self)
    }

    /// The issuer's text, as it stands in the `iss` claim.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The origin of the issuer's URL.
    ///
    /// # Panics
    /// Never: [`Issuer::new`] has checked it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::of(&self.base).expect("an issuer's URL was checked to have an origin")
    }

    /// Where tokens are requested.
    #[must_use]
    pub fn token_url(&self) -> Url {
        self.token_url.clone().unwrap_or_else(|| self.below("/passport/token"))
    }

    /// Where the signing keys are, if that was set by hand.
    #[must_use]
    pub fn jwks_url(&self) -> Option<&Url> {
        self.jwks_url.as_ref()
    }

    /// Where the discovery document may be, best first: below `/passport/` as Passport documents it, then at the
    /// place of [OpenID Connect Discovery, section 4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig).
    #[must_use]
    pub fn discovery_urls(&self) -> [Url; 2] {
        ["/passport/.well-known/openid-configuration", "/.well-known/openid-configuration"]
            .map(|path| self.below(path))
    }

    /// The other of the two places where Passport's pages put the signing keys, when `url` is one of them.
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

/// Overridden endpoints are left out: a query may hold what is nobody's business.
impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("id", &self.id).finish_non_exhaustive()
    }
}

fn endpoint(text: &str, plain_http: bool) -> Result<Url, InvalidIssuer> {
    let url = Url::parse(text).map_err(|error| InvalidIssuer(unparsed(error)))?;
    let origin = Origin::of(&url).map_err(|_| InvalidIssuer("it is not an https URL"))?;
    if !origin.is_secure() && !plain_http {
        return Err(InvalidIssuer(
            "plain http is for loopback hosts only; use https, or danger_plain_http in a private network",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidIssuer("it carries user information"));
    }
    if url.fragment().is_some() {
        return Err(InvalidIssuer("it has a fragment"));
    }
    if url.as_str().parse::<Uri>().is_err() {
        return Err(InvalidIssuer("HTTP cannot carry it"));
    }
    Ok(url)
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

/// A URL that cannot be an [`Issuer`] or one of its endpoints. It is not quoted, as it may hold credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a URL that Passport can have (expected https://host): {0}")]
pub struct InvalidIssuer(&'static str);

#[cfg(test)]
mod tests;
