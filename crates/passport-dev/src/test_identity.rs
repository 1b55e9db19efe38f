//! Test identities: users and services that send requests to a handler in a test.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use http::{HeaderValue, Request, header::AUTHORIZATION};
use passport_core::SystemClock;
use serde_json::Value;

use crate::{TestJwtBuilder, keys::SigningKeys, server_state::ServerState};

/// A user or a service that sends requests to a handler in a test, without a server and without
/// a network. The tokens of the identity are signed in the process of the test.
///
/// A test uses the same verifier as production, with the key of [`TestIdentity::jwks`] instead
/// of Passport's keys. So the service needs no switch that turns verification off. Each process
/// generates its own key, and only a verifier with this key accepts the tokens.
///
/// ```
/// use http::Request;
/// use passport_dev::TestIdentity;
///
/// // TokenVerifier::builder(TestIdentity::AUDIENCE).static_jwks(TestIdentity::jwks()).build()?
/// let identity = TestIdentity::service("payroll").role("payroll.run");
/// let request = identity.attach_token(Request::new(()));
/// assert!(request.headers().contains_key("authorization"));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TestIdentity(TestJwtBuilder);

/// The state of the issuer of all test identities of a process. The first use of this state
/// generates the signing key, which takes about 0.1 s.
static ISSUER: LazyLock<ServerState> = LazyLock::new(|| {
    let keys = SigningKeys::generate_now();
    let (issuer, audience) = (TestIdentity::ISSUER.to_owned(), TestIdentity::AUDIENCE.to_owned());
    ServerState::new(issuer, audience, Arc::new(SystemClock), Duration::from_secs(3600), keys)
});

impl TestIdentity {
    /// The issuer (`iss`) of the tokens: `https://passport.bizfirst.ai`, which a verifier expects
    /// by default.
    pub const ISSUER: &str = "https://passport.bizfirst.ai";

    /// The audience (`aud`) of the tokens, for `TokenVerifier::builder`.
    pub const AUDIENCE: &str = "bizfirstgo-api";

    /// Returns the JWKS with the key that signs the tokens, for
    /// `TokenVerifierBuilder::static_jwks`. Each process has a different key.
    #[must_use]
    pub fn jwks() -> String {
        ISSUER.keys().jwks().to_string()
    }

    /// Creates a user of `tenant-1` without roles. The email of the user is
    /// `<user_id>@example.com`.
    pub fn user(user_id: &str) -> Self {
        Self(TestJwtBuilder::for_user(&ISSUER, user_id))
    }

    /// Creates a managed identity of `tenant-1` without roles. The client id of the identity is
    /// `mi-<name>-clientid`.
    pub fn service(name: &str) -> Self {
        Self(TestJwtBuilder::for_service(&ISSUER, name))
    }

    /// Adds a role to the claim `roles`. Keeps the roles of earlier calls.
    pub fn role(self, role: impl Into<String>) -> Self {
        Self(self.0.role(role))
    }

    /// Adds a permission to the claim `permissions`. Keeps the permissions of earlier calls.
    pub fn permission(self, permission: impl Into<String>) -> Self {
        Self(self.0.permission(permission))
    }

    /// Sets the tenant (`tenant_id`). Defaults to `tenant-1`.
    pub fn tenant(self, tenant_id: &str) -> Self {
        Self(self.0.tenant(tenant_id))
    }

    /// Sets the claim `name` to any JSON value. Replaces the current value of the claim.
    pub fn claim(self, name: &str, value: impl Into<Value>) -> Self {
        Self(self.0.claim(name, value))
    }

    /// Makes the token expired: it expired an hour before the identity was created.
    pub fn expired(self) -> Self {
        Self(self.0.expired_for(Duration::from_secs(3600)))
    }

    /// Returns the access token. It expires 3600 s after the identity was created, unless
    /// [`expired`](Self::expired) was called.
    #[must_use]
    pub fn token(&self) -> String {
        self.0.build()
    }

    /// Returns the value of an `Authorization` header: `Bearer` and the token.
    ///
    /// # Panics
    /// Never: a token is ASCII.
    #[must_use]
    pub fn authorization(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("Bearer {}", self.token())).expect("a token is ASCII")
    }

    /// Attaches the token to `request`: sets the `Authorization` header of `request`. If `request`
    /// already has an `Authorization` header, replaces it.
    pub fn attach_token<B>(&self, mut request: Request<B>) -> Request<B> {
        request.headers_mut().insert(AUTHORIZATION, self.authorization());
        request
    }
}
