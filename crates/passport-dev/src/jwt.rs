//! JSON Web Tokens: the builder, the encoding, and the verification of own tokens for
//! introspection.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use passport_core::unix_millis;
use serde_json::{Map, Value, json};

use crate::{
    keys::RsaSigningKey,
    registry::{StoredIdentity, random_id},
    server_state::ServerState,
};

/// A builder of access tokens that the dev Passport signs. Any claim and any member of the JOSE
/// header can be set or removed.
///
/// [`DevPassport::user_token`](crate::DevPassport::user_token) and
/// [`DevIdentity::token`](crate::DevIdentity::token) return a builder. Without further calls,
/// its token is valid.
#[derive(Clone)]
#[must_use]
pub struct TestJwtBuilder {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    key: RsaSigningKey,
    /// When the builder was created. Times in claims are relative to it.
    now: SystemTime,
}

impl TestJwtBuilder {
    /// Creates a builder with the claims that tokens of users and of managed identities share.
    fn new(state: &ServerState, subject: &str, tenant_id: &str) -> Self {
        let key = state.keys().signing().clone();
        let now = state.clock.now();
        let token_lifetime = state.settings().token_lifetime;
        let mut header = Map::new();
        header.insert("alg".to_owned(), json!("RS256"));
        header.insert("typ".to_owned(), json!("JWT"));
        if state.settings().kid_in_tokens {
            header.insert("kid".to_owned(), json!(key.kid));
        }
        let builder = Self { header, claims: Map::new(), key, now };
        builder
            .claim("iss", state.issuer())
            .claim("sub", subject)
            .claim("aud", state.audience.as_str())
            .claim("tenant_id", tenant_id)
            .claim("jti", random_id("tok-"))
            .claim("iat", unix_seconds(now))
            .expires_in(token_lifetime)
    }

    /// Creates a builder for a token of a user of `tenant-1` without roles.
    pub(crate) fn for_user(state: &ServerState, user_id: &str) -> Self {
        Self::new(state, user_id, "tenant-1")
            .claim("email", format!("{user_id}@example.com"))
            .claim("name", user_id)
            .claim("roles", json!([]))
    }

    /// Creates a builder for a token of a managed identity of `tenant-1` without roles. The
    /// identity need not be registered.
    pub(crate) fn for_service(state: &ServerState, name: &str) -> Self {
        Self::new(state, &format!("mi-{name}-clientid"), "tenant-1")
            .claim("managed_identity_id", format!("mi-guid-{name}"))
            .claim("is_service_account", true)
            .claim("name", name)
            .claim("roles", json!([]))
    }

    /// Creates a builder for a token of the registered managed identity `identity`.
    pub(crate) fn for_managed_identity(state: &ServerState, identity: &StoredIdentity) -> Self {
        Self::new(state, &identity.client_id, &identity.tenant_id)
            .claim("managed_identity_id", identity.managed_identity_id.as_str())
            .claim("is_service_account", true)
            .claim("name", identity.name.as_str())
            .claim("roles", identity.roles.as_slice())
    }

    /// Adds a role to the claim `roles`.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        push(&mut self.claims, "roles", role.into());
        self
    }

    /// Adds a permission to the claim `permissions`.
    pub fn permission(mut self, permission: impl Into<String>) -> Self {
        push(&mut self.claims, "permissions", permission.into());
        self
    }

    /// Sets the tenant (`tenant_id`). Defaults to `tenant-1`, or to the tenant of the registered
    /// identity.
    pub fn tenant(self, tenant_id: &str) -> Self {
        self.claim("tenant_id", tenant_id)
    }

    /// Sets the audience (`aud`). Defaults to the audience of the dev Passport.
    pub fn audience(self, audience: &str) -> Self {
        self.claim("aud", audience)
    }

    /// Sets `exp` to `lifetime` after the creation of this builder, in whole seconds. Defaults to
    /// the token lifetime of the dev Passport.
    pub fn expires_in(self, lifetime: Duration) -> Self {
        let exp = self.now_unix().saturating_add(lifetime.as_secs());
        self.claim("exp", exp)
    }

    /// Makes the token one that expired `ago` before the creation of this builder, in whole
    /// seconds: sets `exp` to that time, and `iat` to an hour before `exp`.
    pub fn expired_for(self, ago: Duration) -> Self {
        let exp = self.now_unix().saturating_sub(ago.as_secs());
        let iat = exp.saturating_sub(3600);
        self.claim("exp", exp).claim("iat", iat)
    }

    /// Sets the claim `name` to any JSON value. Replaces its current value.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes the claim `name`.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets the member `name` of the JOSE header to any JSON value. Replaces its current value.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Removes the member `name` of the JOSE header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Returns the token. It is always signed with RS256 and the key of the dev Passport, even if
    /// [`header`](Self::header) has set another `alg` or `kid`.
    #[must_use]
    pub fn build(&self) -> String {
        self.build_raw(&self.header_json(), &self.claims_json())
    }

    /// Returns a token with the texts `header` and `claims`, which need not be valid JSON, instead
    /// of the settings of this builder. It is signed as by [`build`](Self::build). For example for
    /// duplicate members, unusual numbers and trailing text.
    #[must_use]
    pub fn build_raw(&self, header: &str, claims: &str) -> String {
        signed(header, claims, |message| self.key.sign_rs256(message))
    }

    /// Returns the JOSE header as JSON.
    pub(crate) fn header_json(&self) -> String {
        Value::Object(self.header.clone()).to_string()
    }

    /// Returns the claims as JSON.
    pub(crate) fn claims_json(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    /// Returns the time at which the builder was created, as Unix time in seconds.
    pub(crate) fn now_unix(&self) -> u64 {
        unix_seconds(self.now)
    }

    /// Returns the key that signs the token.
    pub(crate) fn key(&self) -> &RsaSigningKey {
        &self.key
    }

    /// Returns the id of the token (`jti`). Empty if it was removed.
    pub(crate) fn jti(&self) -> &str {
        self.claims.get("jti").and_then(Value::as_str).unwrap_or_default()
    }
}

impl fmt::Debug for TestJwtBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestJwtBuilder")
            .field("header", &self.header)
            .field("claims", &self.claims)
            .finish_non_exhaustive()
    }
}

/// Returns a token with the JSON texts `header` and `claims`. `sign` returns the signature of
/// the message that it gets.
pub(crate) fn signed(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = [base64(header.as_bytes()), base64(claims.as_bytes())].join(".");
    let signature = base64(&sign(message.as_bytes()));
    [message, signature].join(".")
}

/// Encodes `bytes` as base64url without padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns `time` as Unix time in whole seconds.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    unix_millis(time) / 1000
}

/// Appends `value` to the list in the claim `name`. Replaces a claim that is not a list.
fn push(claims: &mut Map<String, Value>, name: &str, value: String) {
    match claims.entry(name.to_owned()).or_insert_with(|| json!([])) {
        Value::Array(values) => values.push(Value::String(value)),
        other => *other = json!([value]),
    }
}

/// Returns the claims of `token` if it was signed with a published key of this Passport. Does
/// not check the claims.
pub(crate) fn own_claims(state: &Arc<ServerState>, token: &str) -> Option<Map<String, Value>> {
    let (message, signature) = token.rsplit_once('.')?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
    if !state.keys().verifies(message.as_bytes(), &signature) {
        return None;
    }
    let claims = BASE64_URL_SAFE_NO_PAD.decode(message.split_once('.')?.1).ok()?;
    serde_json::from_slice(&claims).ok()
}
