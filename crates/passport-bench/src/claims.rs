//! The claims that every handler reads from its contender.

use serde::Deserialize;

/// The claims of a Passport token that a handler uses, for contenders that deserialize into a
/// type of the user.
#[derive(Clone, Debug, Deserialize)]
pub struct PassportClaims {
    pub iss: String,
    pub sub: String,
    pub aud: String,
    pub exp: u64,
    pub iat: u64,
    pub jti: String,
    pub tenant_id: String,
    pub name: String,
    pub managed_identity_id: Option<String>,
    #[serde(default)]
    pub is_service_account: bool,
    pub roles: Vec<String>,
    #[serde(default)]
    pub permissions: Vec<String>,
}

/// The same without the registered claims, for contenders that read those themselves.
#[derive(Clone, Debug, Deserialize)]
pub struct PrivateClaims {
    pub tenant_id: String,
    pub name: String,
    pub managed_identity_id: Option<String>,
    #[serde(default)]
    pub is_service_account: bool,
    pub roles: Vec<String>,
    #[serde(default)]
    pub permissions: Vec<String>,
}
