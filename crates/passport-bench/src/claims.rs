//! What every handler asks of its contender: the same facts, read from the same token.

use serde::Deserialize;

/// The claims of a Passport token that a handler has a use for, for contenders that want a type
/// from their user.
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

/// The same without the registered ones, for contenders that keep those to themselves.
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
