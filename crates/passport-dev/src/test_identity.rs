//! Callers for tests of handlers.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use http::{HeaderValue, Request, header::AUTHORIZATION};
use passport_core::SystemClock;
use serde_json::Value;

use crate::{TestJwtBuilder, keys::SigningKeys, server_state::ServerState};

/// A caller for tests of handlers, without an issuer and without a network.
///
/// A test uses the same verifier as production, with the keys of [`TestIdentity::jwks`] instead
/// of Passport's. The service needs no switch that turns verification off: each process
/// generates its own keys, and only a verifier that has them accepts the tokens.
///
/// ```
/// use http::Request;
/// use passport_dev::TestIdentity;
///
/// // TokenVerifier::builder(TestIdentity::AUDIENCE).static_jwks(TestIdentity::jwks()).build()?
/// let request = TestIdentity::service("payroll").role("payroll.run").attach_token(Request::new(()));
/// assert!(request.headers().contains_key("authorization"));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TestIdentity(TestJwtBuilder);

/// The issuer of all test identities of a process. The first use generates its key, which takes
/// about 0.1 s.
static ISSUER: LazyLock<ServerState> = LazyLock::new(|| {
    let keys = SigningKeys::generate_now();
    let (issuer, audience) = (TestIdentity::ISSUER.to_owned(), TestIdentity::AUDIENCE.to_owned());
    ServerState::new(issuer, audience, Arc::new(SystemClock), Duration::from_secs(3600), keys)
});

impl TestIdentity {
    /// The issuer of the tokens: `https://passport.bizfirst.ai`, the default of a verifier.
    pub const ISSUER: &str = "https://passport.bizfirst.ai";

    /// The audience of the tokens.
    pub const AUDIENCE: &str = "bizfirstgo-api";

    /// Returns the JWKS that verifies the tokens, for `TokenVerifierBuilder::static_jwks`.
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

    /// Adds a role.
    pub fn role(self, role: impl Into<String>) -> Self {
        Self(self.0.role(role))
    }

    /// Adds a permission.
    pub fn permission(self, permission: impl Into<String>) -> Self {
        Self(self.0.permission(permission))
    }

    /// Sets the tenant. Defaults to `tenant-1`.
    pub fn tenant(self, tenant_id: &str) -> Self {
        Self(self.0.tenant(tenant_id))
    }

    /// Sets a claim to any JSON value.
    pub fn claim(self, name: &str, value: impl Into<Value>) -> Self {
        Self(self.0.claim(name, value))
    }

    /// Sets the expiry of the token to an hour ago.
    pub fn expired(self) -> Self {
        Self(self.0.expired_for(Duration::from_secs(3600)))
    }

    /// Returns the access token. It is valid for 3600 s.
    #[must_use]
    pub fn token(&self) -> String {
        self.0.build()
    }

    /// Returns the value of an `Authorization` header with the token.
    ///
    /// # Panics
    /// Never: a token is ASCII.
    #[must_use]
    pub fn authorization(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("Bearer {}", self.token())).expect("a token is ASCII")
    }

    /// Sets the `Authorization` header of `request`.
    pub fn attach_token<B>(&self, mut request: Request<B>) -> Request<B> {
        request.headers_mut().insert(AUTHORIZATION, self.authorization());
        request
    }
}
