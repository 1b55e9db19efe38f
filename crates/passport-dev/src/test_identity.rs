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
/// A test uses the verifier of production, with the keys of this process's test identities instead
/// of Passport's. So the program needs no switch that turns verification off: the keys are
/// generated in each process, and are trusted only by a verifier that has them.
///
/// ```
/// use http::Request;
/// use passport_dev::TestIdentity;
///
/// // TokenVerifier::builder(TestIdentity::AUDIENCE).static_jwks(TestIdentity::jwks()).build()?
/// let request = TestIdentity::service("payroll").role("payroll.run").sign(Request::new(()));
/// assert!(request.headers().contains_key("authorization"));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TestIdentity(TestJwtBuilder);

/// The issuer of all test identities of a process. Its key is generated on first use, in about a
/// tenth of a second.
static ISSUER: LazyLock<ServerState> = LazyLock::new(|| {
    let keys = SigningKeys::generate_now();
    let (issuer, audience) = (TestIdentity::ISSUER.to_owned(), TestIdentity::AUDIENCE.to_owned());
    ServerState::new(issuer, audience, Arc::new(SystemClock), Duration::from_secs(3600), keys)
});

impl TestIdentity {
    /// The issuer of their tokens: Passport, the default of verifiers.
    pub const ISSUER: &str = "https://passport.bizfirst.ai";

    /// The audience of their tokens.
    pub const AUDIENCE: &str = "bizfirstgo-api";

    /// Returns the keys that verify them, for `TokenVerifierBuilder::static_jwks`.
    #[must_use]
    pub fn jwks() -> String {
        ISSUER.keys().jwks().to_string()
    }

    /// Creates a user of `tenant-1` without a role.
    pub fn user(user_id: &str) -> Self {
        Self(TestJwtBuilder::for_user(&ISSUER, user_id))
    }

    /// Creates a managed identity of `tenant-1` called `name`, without a role. Its client id is
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

    /// Sets the tenant.
    pub fn tenant(self, tenant_id: &str) -> Self {
        Self(self.0.tenant(tenant_id))
    }

    /// Sets any claim.
    pub fn claim(self, name: &str, value: impl Into<Value>) -> Self {
        Self(self.0.claim(name, value))
    }

    /// Lets its token have expired.
    pub fn expired(self) -> Self {
        Self(self.0.expired_for(Duration::from_secs(3600)))
    }

    /// Returns its token.
    #[must_use]
    pub fn token(&self) -> String {
        self.0.build()
    }

    /// Returns the value of an `Authorization` header.
    ///
    /// # Panics
    /// Never: a token is text.
    #[must_use]
    pub fn bearer(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("Bearer {}", self.token())).expect("a token is text")
    }

    /// Adds its token to `request`.
    pub fn sign<B>(&self, mut request: Request<B>) -> Request<B> {
        request.headers_mut().insert(AUTHORIZATION, self.bearer());
        request
    }
}
