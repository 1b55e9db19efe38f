//! Presets for identity providers. Each preset only sets options of [`TrustedIssuer`].

use super::{AudienceClaim, ClaimCondition, ClaimMap, TrustedIssuer, trusted_issuer::GOOGLE};

/// The URL below which the directories of Entra have their issuers.
const ENTRA: &str = "https://login.microsoftonline.com";

impl TrustedIssuer {
    /// Creates the entry of one directory of Entra ID (Azure AD), with v2.0 tokens. `directory` is
    /// the GUID of the directory. The audience is the client id of the service's app registration.
    ///
    /// The subject is `oid`. Roles come from `roles` (app roles) and `groups`.
    pub fn entra(directory: impl AsRef<str>) -> Self {
        Self::of_entra(format!("{ENTRA}/{}/v2.0", directory.as_ref().to_ascii_lowercase()))
    }

    /// Creates the entry of an app registration of Entra ID (Azure AD) that accepts several
    /// directories, with v2.0 tokens. [`allowed_directories`](Self::allowed_directories) or
    /// [`danger_any_directory`](Self::danger_any_directory) must be set as well.
    ///
    /// The other options are those of [`entra`](Self::entra).
    pub fn entra_multi_tenant() -> Self {
        Self::of_entra(format!("{ENTRA}/{{tenantid}}/v2.0"))
            .jwks_url(format!("{ENTRA}/common/discovery/v2.0/keys"))
    }

    fn of_entra(issuer: String) -> Self {
        let claims = ClaimMap::new().subject("oid").email(["email", "upn"]);
        let entry = Self::external(issuer)
            .claims(claims.roles_from(["roles", "groups"]))
            // ID tokens of the same app registration have the same issuer, keys and audience, but
            // no `azp`.
            .require_claim(ClaimCondition::present("azp"));
        Self { checks_key_issuer: true, ..entry }
    }

    /// Creates the entry of a custom authorization server of Okta, such as
    /// `https://company.okta.com/oauth2/default`. Roles come from `groups`.
    pub fn okta(issuer: impl Into<String>) -> Self {
        Self::external(issuer)
            .claims(ClaimMap::new().roles_from(["groups"]))
            // ID tokens have no `cid`.
            .require_claim(ClaimCondition::present("cid"))
    }

    /// Creates the entry of an Auth0 tenant with this domain, such as `company.eu.auth0.com`. The
    /// `iss` of Auth0 ends with a slash.
    ///
    /// Auth0 requires a URL as prefix of custom claims, so the claim of the roles must be set with
    /// [`map_claims`](Self::map_claims).
    pub fn auth0(domain: impl AsRef<str>) -> Self {
        Self::external(format!("https://{}/", domain.as_ref()))
    }

    /// Creates the entry of a realm of Keycloak, such as `https://sso.company.example/realms/main`.
    /// Roles come from `realm_access.roles`.
    pub fn keycloak(issuer: impl Into<String>) -> Self {
        let claims = ClaimMap::new().display_name(["name", "preferred_username"]);
        Self::external(issuer)
            .claims(claims.roles_from(["realm_access.roles"]))
            // ID tokens and refresh tokens have another value.
            .require_claim(ClaimCondition::equals("typ", "Bearer"))
    }

    /// Creates the entry of a user pool of Amazon Cognito, such as `eu-central-1` and
    /// `eu-central-1_EXAMPLE`. Roles come from `cognito:groups`.
    ///
    /// The audience is the id of the app client that requested the token, because access tokens of
    /// Cognito have no `aud`.
    pub fn cognito(region: impl AsRef<str>, user_pool: impl AsRef<str>) -> Self {
        let (region, user_pool) = (region.as_ref(), user_pool.as_ref());
        let claims = ClaimMap::new().display_name(["name", "username"]);
        Self::external(format!("https://cognito-idp.{region}.amazonaws.com/{user_pool}"))
            .audience_claim(AudienceClaim::ClientId)
            .claims(claims.roles_from(["cognito:groups"]))
            .require_claim(ClaimCondition::equals("token_use", "access"))
    }

    /// Creates the entry of Google, for ID tokens of service accounts. Access tokens of Google are
    /// opaque. The audience is the one that the caller requests, usually the URL of the service.
    ///
    /// Anyone with a Google account can get an ID token for any audience. So the callers must be
    /// listed: by [`TenantRule::table`](crate::TenantRule::table) on `sub`, or by
    /// [`require_claim`](Self::require_claim) with the value of a claim.
    pub fn google() -> Self {
        // The keys are on another origin, so discovery would refuse them.
        Self::external(GOOGLE).jwks_url("https://www.googleapis.com/oauth2/v3/certs")
    }
}

#[cfg(test)]
mod tests;
