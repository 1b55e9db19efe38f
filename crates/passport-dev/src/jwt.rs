//! JSON Web Tokens: the builder, the encoding, and the verification of tokens that this dev
//! Passport signed, for introspection and revocation.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest::{SHA256, digest};
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
/// [`DevIdentity::token`](crate::DevIdentity::token) return a builder. The token is valid if no
/// method of the builder has changed it.
#[derive(Clone)]
#[must_use]
pub struct TestJwtBuilder {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    key: RsaSigningKey,
    /// When the builder was created. Times in claims are relative to this time.
    now: SystemTime,
}

impl TestJwtBuilder {
    /// Creates a builder with the claims that tokens of users and of managed identities share.
    fn new(state: &ServerState, subject: &str, tenant_id: &str) -> Self {
        let key = state.keys().signing().clone();
        let now = state.clock.now();
        let token_lifetime = state.settings().token_lifetime;
        let header = jose_header(state, &key, "JWT");
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

    /// Creates a builder for a token of the user `user_id` of `tenant-1`, without roles.
    pub(crate) fn for_user(state: &ServerState, user_id: &str) -> Self {
        Self::new(state, user_id, "tenant-1")
            .claim("email", format!("{user_id}@example.com"))
            .claim("name", user_id)
            .claim("roles", json!([]))
    }

    /// Creates a builder for a token of the managed identity `name` of `tenant-1`, without roles.
    /// The identity need not be registered.
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

    /// Adds a role to the claim `roles`. Keeps the roles of earlier calls.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        push(&mut self.claims, "roles", role.into());
        self
    }

    /// Adds a permission to the claim `permissions`. Keeps the permissions of earlier calls.
    pub fn permission(mut self, permission: impl Into<String>) -> Self {
        push(&mut self.claims, "permissions", permission.into());
        self
    }

    /// Sets the tenant (`tenant_id`). Defaults to `tenant-1`. For a token of a registered identity,
    /// defaults to the tenant of the identity.
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

    /// Makes the token expired: sets `exp` to `ago` before the creation of this builder, in whole
    /// seconds, and `iat` to an hour before `exp`.
    pub fn expired_for(self, ago: Duration) -> Self {
        let exp = self.now_unix().saturating_sub(ago.as_secs());
        let iat = exp.saturating_sub(3600);
        self.claim("exp", exp).claim("iat", iat)
    }

    /// Sets the claim `name` to any JSON value. Replaces the current value of the claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes the claim `name`, if the token has it.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets the member `name` of the JOSE header to any JSON value. Replaces the current value of
    /// the member.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Removes the member `name` of the JOSE header, if the header has it.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Returns the signed token. The signature is always an RS256 signature by the key of the dev
    /// Passport, even if [`header`](Self::header) has set another `alg` or `kid`.
    #[must_use]
    pub fn build(&self) -> String {
        self.build_raw(&self.header_json(), &self.claims_json())
    }

    /// Returns a token with the texts `header` and `claims` instead of the header and claims of
    /// this builder. The texts need not be valid JSON. Use this for example for duplicate members,
    /// unusual numbers and trailing text. The token is signed as by [`build`](Self::build).
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

    /// Returns the id of the token (`jti`). Returns an empty text if the claim was removed or is
    /// not a string.
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

/// Returns a JWT with exactly the given `typ` and `claims`, signed with RS256 by the current key.
pub(crate) fn sign_statement(state: &ServerState, typ: &str, claims: &Value) -> String {
    let key = state.keys().signing().clone();
    let header = Value::Object(jose_header(state, &key, typ)).to_string();
    signed(&header, &claims.to_string(), |message| key.sign_rs256(message))
}

/// Returns the JOSE header of a JWT that `key` signs.
fn jose_header(state: &ServerState, key: &RsaSigningKey, typ: &str) -> Map<String, Value> {
    let mut header = Map::new();
    header.insert("alg".to_owned(), json!("RS256"));
    header.insert("typ".to_owned(), json!(typ));
    if state.settings().kid_in_tokens {
        header.insert("kid".to_owned(), json!(key.kid));
    }
    header
}

/// Encodes the texts `header` and `claims`, and returns them as a signed token. `sign` gets the
/// message to sign and returns the signature.
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

/// Appends `value` to the list in the claim `name`. If the claim is missing or is not a list,
/// sets it to a list with only `value`.
fn push(claims: &mut Map<String, Value>, name: &str, value: String) {
    match claims.entry(name.to_owned()).or_insert_with(|| json!([])) {
        Value::Array(values) => values.push(Value::String(value)),
        other => *other = json!([value]),
    }
}

/// Returns the claims of `token`. Returns `None` if the token is malformed, or if no published
/// key of this Passport signed it. Does not check the claims.
pub(crate) fn own_claims(state: &ServerState, token: &str) -> Option<Map<String, Value>> {
    let (message, signature) = token.rsplit_once('.')?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
    if !state.keys().verifies(message.as_bytes(), &signature) {
        return None;
    }
    unverified_claims(token)
}

/// Returns the claims of `token`. Returns `None` if the token is malformed. Does not verify the
/// signature.
pub(crate) fn unverified_claims(token: &str) -> Option<Map<String, Value>> {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// Returns the id under which `token` is revoked: its `jti`, or the SHA-256 hash of the whole token
/// if the claims have no `jti`.
pub(crate) fn token_id(token: &str, claims: &Map<String, Value>) -> String {
    let jti = claims.get("jti").and_then(Value::as_str).map(str::to_owned);
    jti.unwrap_or_else(|| base64(digest(&SHA256, token.as_bytes()).as_ref()))
}
