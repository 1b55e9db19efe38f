//! An issuer that a verifier trusts.

use std::{fmt, path::PathBuf, time::Duration};

use passport_core::Issuer;

use super::{ClaimCondition, ClaimMap, Introspection, IssuerName, TenantRule};
use crate::{Algorithm, jwt::issuer_pattern::PLACEHOLDER};

/// The issuer of Google's ID tokens.
pub(super) const GOOGLE: &str = "https://accounts.google.com";

/// An issuer that a verifier trusts, with everything that is bound to it: the exact
/// `iss`, its own signing keys, its audiences, and how its claims map to a caller and a tenant.
///
/// Pass it to [`TokenVerifierBuilder::trust`](crate::TokenVerifierBuilder::trust). There are
/// presets for some providers, such as [`entra`](Self::entra) and [`keycloak`](Self::keycloak).
/// A preset only sets options of this type, so each of them can be changed.
///
/// ```
/// use passport_inbound::{ClaimMap, TenantRule, TokenVerifier, TrustedIssuer};
///
/// # fn main() -> Result<(), passport_inbound::ConfigError> {
/// let partner = TrustedIssuer::external("https://login.example/realms/partner")
///     .audience("orders-api")
///     .claims(ClaimMap::new().roles_from(["groups"]).role("clerks", "orders.clerk"))
///     .tenant(TenantRule::fixed("partner"));
/// let verifier = TokenVerifier::builder("bizfirstgo-api").trust(partner).build()?;
/// # let _ = verifier; Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct TrustedIssuer {
    pub(crate) kind: IssuerKind,
    pub(crate) name: Option<String>,
    pub(crate) issuer: String,
    pub(crate) jwks_url: Option<String>,
    pub(crate) plain_http: bool,
    pub(crate) static_jwks: Option<Vec<u8>>,
    pub(crate) jwks_cache_file: Option<PathBuf>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) audiences: Vec<String>,
    pub(crate) audience_claim: AudienceClaim,
    /// The accepted values of `typ`, in lower case. `None` for the default.
    pub(crate) token_types: Option<Vec<String>>,
    pub(crate) clock_skew: Option<Duration>,
    pub(crate) refresh_interval: Option<Duration>,
    pub(crate) cooldown: Option<Duration>,
    pub(crate) required_claims: Vec<ClaimCondition>,
    pub(crate) claims: Option<ClaimMap>,
    pub(crate) tenant: Option<TenantRule>,
    pub(crate) directories: DirectoryRule,
    /// Whether the key that verifies a token must have a member `issuer` that equals the `iss` of
    /// the token.
    pub(crate) checks_key_issuer: bool,
    /// Boxed, because few issuers have it, and a verifier can have thousands of issuers.
    pub(crate) introspection: Option<Box<Introspection>>,
}

/// Whether an issuer is Passport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IssuerKind {
    /// The claims of the tokens are those of Passport.
    Passport,
    /// A claim map and a tenant rule say what the claims mean.
    External,
}

/// The accepted directories of an issuer with a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DirectoryRule {
    Unset,
    /// The GUIDs of the accepted directories.
    Listed(Vec<String>),
    Any,
}

/// The claim that contains the audience of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AudienceClaim {
    /// The claim `aud`.
    #[default]
    Aud,
    /// The claim `client_id`: for issuers that write no `aud` in access tokens, such as Amazon
    /// Cognito. The value is the client that requested the token.
    ClientId,
    /// The claim `azp`: the client that requested the token, for issuers that write a fixed `aud`.
    Azp,
}

impl AudienceClaim {
    /// Returns the name of the claim.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Aud => "aud",
            Self::ClientId => "client_id",
            Self::Azp => "azp",
        }
    }
}

impl TrustedIssuer {
    /// Creates the entry of a Passport with the URL `issuer`. Its tokens have Passport's claims,
    /// so a claim map or a tenant rule cannot be set.
    pub fn passport(issuer: impl Into<String>) -> Self {
        Self::new(IssuerKind::Passport, issuer.into())
    }

    /// Creates the entry of another identity provider, with the `iss` of its tokens.
    /// [`audience`](Self::audience) and [`tenant`](Self::tenant) must be set as well.
    ///
    /// The value must equal the `iss` of the tokens byte for byte, including a trailing slash. The
    /// one exception is the placeholder `{tenantid}` of Entra, for the GUID of a
    /// directory; see [`entra_multi_tenant`](Self::entra_multi_tenant).
    pub fn external(issuer: impl Into<String>) -> Self {
        Self::new(IssuerKind::External, issuer.into())
    }

    fn new(kind: IssuerKind, issuer: String) -> Self {
        Self {
            kind,
            name: None,
            issuer,
            jwks_url: None,
            plain_http: false,
            static_jwks: None,
            jwks_cache_file: None,
            algorithms: vec![Algorithm::Rs256],
            audiences: Vec::new(),
            audience_claim: AudienceClaim::Aud,
            token_types: None,
            clock_skew: None,
            refresh_interval: None,
            cooldown: None,
            required_claims: Vec::new(),
            claims: (kind == IssuerKind::External).then(ClaimMap::new),
            tenant: None,
            directories: DirectoryRule::Unset,
            checks_key_issuer: false,
            introspection: None,
        }
    }

    /// Creates the entry of BizFirst's Passport.
    pub(crate) fn default_passport() -> Self {
        Self::passport(Issuer::PASSPORT)
    }

    /// Sets the name of the issuer in metrics, logs, health and rejections. Defaults to the URL of
    /// the issuer.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds an accepted audience. At least one is required. A token must contain at least one
    /// accepted audience in its [`audience_claim`](Self::audience_claim) ([RFC
    /// 7519](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3)).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets the claim that contains the audience. Defaults to `aud`. Use another claim only for an
    /// issuer that writes no usable `aud`: `client_id` and `azp` say who requested
    /// the token, and not for which service.
    pub fn audience_claim(mut self, claim: AudienceClaim) -> Self {
        self.audience_claim = claim;
        self
    }

    /// Sets the URL of the signing keys (JWKS), and disables discovery. Defaults to the `jwks_uri`
    /// of the issuer's discovery document, which must be on the issuer's origin.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.jwks_url = Some(url.into());
        self
    }

    /// Allows plain `http` for the issuer and its JWKS URL.
    ///
    /// **Danger:** anyone on the network path can replace the signing keys, and then issue tokens
    /// that are accepted. Use this option only in a private network that is trusted or encrypted.
    pub fn danger_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Sets static signing keys, as a JWK set ([RFC 7517, section
    /// 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). No request is then sent to the
    /// issuer. Defaults to none. Cannot be combined with [`jwks_url`](Self::jwks_url) or
    /// [`jwks_cache_file`](Self::jwks_cache_file).
    pub fn static_jwks(mut self, jwks: impl Into<Vec<u8>>) -> Self {
        self.static_jwks = Some(jwks.into());
        self
    }

    /// Sets a file in which the signing keys are saved after each fetch, and from which they are
    /// loaded at the start. Defaults to no file. Each issuer needs its own file. See
    /// [`TokenVerifierBuilder::jwks_cache_file`](crate::TokenVerifierBuilder::jwks_cache_file).
    pub fn jwks_cache_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.jwks_cache_file = Some(path.into());
        self
    }

    /// Sets the accepted signature algorithms ([RFC 8725, section
    /// 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)). Defaults to RS256 only.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets the accepted values of the header `typ` ([RFC 8725, section
    /// 3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)). Upper and lower case are equal,
    /// and the prefix `application/` is optional. With this option, a token without `typ` is
    /// rejected. By default `typ` is absent, `JWT` or `at+jwt`.
    pub fn token_types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.token_types = Some(types.into_iter().map(|typ| typ.into().to_ascii_lowercase()).collect());
        self
    }

    /// Sets the accepted difference between this machine's clock and the issuer's. Defaults to
    /// [`TokenVerifierBuilder::clock_skew`](crate::TokenVerifierBuilder::clock_skew); must be at
    /// most 10 min.
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew = Some(skew);
        self
    }

    /// Sets the time for which fetched signing keys are fresh. Defaults to the [interval of the
    /// verifier](crate::TokenVerifierBuilder::jwks_refresh_interval); must be 1 min to 24 h.
    pub fn jwks_refresh_interval(mut self, interval: Duration) -> Self {
        self.refresh_interval = Some(interval);
        self
    }

    /// Sets the minimum time between two refreshes of the signing keys that tokens cause. Defaults
    /// to [`TokenVerifierBuilder::jwks_cooldown`](crate::TokenVerifierBuilder::jwks_cooldown); must
    /// be 1 s to 10 min.
    pub fn jwks_cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = Some(cooldown);
        self
    }

    /// Adds a condition that the claims of every access token meet. A token that does not meet it
    /// is rejected as [`WrongTokenType`](crate::RejectionReason::WrongTokenType). Defaults to no
    /// condition.
    ///
    /// Use it if the issuer signs ID tokens with the same keys and audience, and only a claim tells
    /// them apart.
    pub fn require_claim(mut self, condition: ClaimCondition) -> Self {
        self.required_claims.push(condition);
        self
    }

    /// Sets the claims that describe the caller. Defaults to [`ClaimMap::new`]. Only for external
    /// issuers.
    pub fn claims(mut self, map: ClaimMap) -> Self {
        self.claims = Some(map);
        self
    }

    /// Changes the claim map, for example that of a preset: `map_claims(|map| map.role(..))`. Only
    /// for external issuers.
    pub fn map_claims(mut self, change: impl FnOnce(ClaimMap) -> ClaimMap) -> Self {
        self.claims = Some(change(self.claims.unwrap_or_default()));
        self
    }

    /// Sets the tenant of the issuer's callers. Required for external issuers, and only for them.
    pub fn tenant(mut self, rule: TenantRule) -> Self {
        self.tenant = Some(rule);
        self
    }

    /// Sets the accepted directories, as GUIDs in lower case. Only for an issuer
    /// with the placeholder `{tenantid}`, which requires this option or
    /// [`danger_any_directory`](Self::danger_any_directory). Entra calls a directory a tenant.
    pub fn allowed_directories<D: Into<String>>(mut self, directories: impl IntoIterator<Item = D>) -> Self {
        self.directories = DirectoryRule::Listed(directories.into_iter().map(Into::into).collect());
        self
    }

    /// Accepts tokens of every directory of an issuer with the placeholder `{tenantid}`.
    ///
    /// **Danger:** anyone can create a directory and get tokens for this service from it. Use this
    /// option only if the tenant rule or the authorization of the service rejects unknown
    /// directories.
    pub fn danger_any_directory(mut self) -> Self {
        self.directories = DirectoryRule::Any;
        self
    }

    /// Sets how the issuer is asked whether a token is still active. By default it is not asked: a
    /// token that the issuer revokes is accepted until it expires.
    pub fn introspection(mut self, introspection: Introspection) -> Self {
        self.introspection = Some(Box::new(introspection));
        self
    }

    /// Returns whether the issuer's tokens can be opaque.
    pub(crate) fn has_opaque_tokens(&self) -> bool {
        self.introspection.as_deref().is_some_and(Introspection::is_opaque)
    }

    /// Returns whether anyone can get a token for this service from the issuer.
    pub(super) fn is_open_to_anyone(&self) -> bool {
        let has_any_directory = self.directories == DirectoryRule::Any && self.issuer.contains(PLACEHOLDER);
        self.issuer == GOOGLE || has_any_directory
    }

    /// Returns whether an entry with the options `other` would have the same keys. The name is not
    /// compared.
    pub(crate) fn has_same_keys(&self, other: &Self) -> bool {
        self.issuer == other.issuer
            && self.kind == other.kind
            && self.jwks_url == other.jwks_url
            && self.plain_http == other.plain_http
            && self.static_jwks == other.static_jwks
            && self.jwks_cache_file == other.jwks_cache_file
            && self.algorithms == other.algorithms
    }

    /// Returns the issuer identifiers of the accepted tokens: the issuer, or one for each of the
    /// allowed directories. Empty if the issuer has a placeholder and every directory is accepted.
    pub(crate) fn identifiers(&self) -> Vec<String> {
        if !self.issuer.contains(PLACEHOLDER) {
            return vec![self.issuer.clone()];
        }
        match &self.directories {
            DirectoryRule::Listed(list) => {
                list.iter().map(|directory| self.issuer.replace(PLACEHOLDER, directory)).collect()
            }
            DirectoryRule::Unset | DirectoryRule::Any => Vec::new(),
        }
    }

    /// Returns the name for a message about an invalid option. Omits a URL with credentials.
    pub(crate) fn shown_name(&self) -> &str {
        let name = self.name.as_deref().unwrap_or(&self.issuer);
        if name.contains('@') { "..." } else { name }
    }

    /// Returns whether a tenant must list the issuer, because the issuer itself chooses the tenant.
    pub(crate) fn needs_listed_tenant(&self) -> bool {
        let has_directories = self.directories != DirectoryRule::Unset;
        self.tenant.as_ref().is_some_and(|rule| rule.needs_listed_tenant(has_directories))
    }

    /// Returns the name in metrics, logs, health and rejections.
    #[must_use]
    pub fn issuer_name(&self) -> IssuerName {
        IssuerName::new(self.name.as_deref().unwrap_or(&self.issuer))
    }
}

/// Omits URLs and keys: a URL can contain credentials, because only `build` rejects such URLs.
impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustedIssuer")
            .field("kind", &self.kind)
            .field("name", &self.name)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}
