//! Users and services that send requests to a handler in a test.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use http::{HeaderValue, Request, header::AUTHORIZATION};
use passport_core::SystemClock;
use serde_json::Value;

use crate::{TestJwtBuilder, keys::SigningKeys, server_state::ServerState};

/// A user or a service that sends requests to a handler in a test, without an issuer and without
/// a network. Its tokens are signed in the process of the test.
///
/// A test uses the same verifier as production, with the keys of [`TestIdentity::jwks`] instead
/// of Passport's. So the service needs no switch that turns verification off: each process
/// generates its own keys, and only a verifier with these keys accepts the tokens.
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

/// The state of the issuer of all test identities of a process. Its first use generates the
/// signing key, which takes about 0.1 s.
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
    /// `TokenVerifierBuilder::static_jwks`. It differs in each process.
    #[must_use]
    pub fn jwks() -> String {
        ISSUER.keys().jwks().to_string()
    }

    /// Creates a user of `tenant-1` without roles. Its email is `<user_id>@example.com`.
    pub fn user(user_id: &str) -> Self {
        Self(TestJwtBuilder::for_user(&ISSUER, user_id))
    }

    /// Creates a managed identity of `tenant-1` without roles. Its client id is
    /// `mi-<name>-clientid`.
    pub fn service(name: &str) -> Self {
        Self(TestJwtBuilder::for_service(&ISSUER, name))
    }

    /// Adds a role to the claim `roles`.
    pub fn role(self, role: impl Into<String>) -> Self {
        Self(self.0.role(role))
    }

    /// Adds a permission to the claim `permissions`.
    pub fn permission(self, permission: impl Into<String>) -> Self {
        Self(self.0.permission(permission))
    }

    /// Sets the tenant (`tenant_id`). Defaults to `tenant-1`.
    pub fn tenant(self, tenant_id: &str) -> Self {
        Self(self.0.tenant(tenant_id))
    }

    /// Sets the claim `name` to any JSON value. Replaces its current value.
    pub fn claim(self, name: &str, value: impl Into<Value>) -> Self {
        Self(self.0.claim(name, value))
    }

    /// Makes the token one that expired an hour ago.
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

    /// Attaches the token to `request`: sets its `Authorization` header, and replaces one that it
    /// already has.
    pub fn attach_token<B>(&self, mut request: Request<B>) -> Request<B> {
        request.headers_mut().insert(AUTHORIZATION, self.authorization());
        request
    }
}
