use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use http::{HeaderValue, Request, header::AUTHORIZATION};
use passport_core::SystemClock;
use serde_json::Value;

use crate::{TestJwtBuilder, keys::KeyRing, server_state::ServerState};

/// Somebody who calls, for a test of a handler: without an issuer, without a network.
///
/// The verifier of the test is the one of production, with the keys of this process's test identities in the place of Passport's.
/// So there is no switch in what ships that would let anybody in: these keys are made anew in each process, and count only for
/// a verifier that was given them.
///
/// ```
/// use http::Request;
/// use passport_dev::TestIdentity;
///
/// // TokenVerifier::builder(TestIdentity::AUDIENCE).static_keys(TestIdentity::jwks()).build()?
/// let request = TestIdentity::service("payroll").role("payroll.run").sign(Request::new(()));
/// assert!(request.headers().contains_key("authorization"));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TestIdentity(TestJwtBuilder);

/// What all of a process have in common. Its key is made when the first is asked for, in about a tenth of a second.
static ISSUER: LazyLock<ServerState> = LazyLock::new(|| {
    let keys = KeyRing::generate_now();
    let (issuer, audience) = (TestIdentity::ISSUER.to_owned(), TestIdentity::AUDIENCE.to_owned());
    ServerState::new(issuer, audience, Arc::new(SystemClock), Duration::from_secs(3600), keys)
});

impl TestIdentity {
    /// The issuer of their tokens: Passport, which a verifier expects unless told otherwise.
    pub const ISSUER: &str = "https://passport.bizfirst.ai";

    /// The audience of their tokens.
    pub const AUDIENCE: &str = "bizfirstgo-api";

    /// The keys that verify them, for `TokenVerifierBuilder::static_keys`.
    #[must_use]
    pub fn jwks() -> String {
        ISSUER.keys().jwks().to_string()
    }

    /// A user of `tenant-1`, without a role.
    pub fn user(user_id: &str) -> Self {
        Self(TestJwtBuilder::for_user(&ISSUER, user_id))
    }

    /// A managed identity of `tenant-1` called `name`, without a role. Its client id is `mi-<name>-clientid`.
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

    /// Another tenant.
    pub fn tenant(self, tenant_id: &str) -> Self {
        Self(self.0.tenant(tenant_id))
    }

    /// Sets any claim.
    pub fn claim(self, name: &str, value: impl Into<Value>) -> Self {
        Self(self.0.claim(name, value))
    }

    /// One whose token has expired.
    pub fn expired(self) -> Self {
        Self(self.0.expired_for(Duration::from_secs(3600)))
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> String {
        self.0.build()
    }

    /// The `Authorization` header's value.
    ///
    /// # Panics
    /// Never: a token is text.
    #[must_use]
    pub fn bearer(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("Bearer {}", self.token())).expect("a token is text")
    }

    /// `request`, as this one sends it.
    pub fn sign<B>(&self, mut request: Request<B>) -> Request<B> {
        request.headers_mut().insert(AUTHORIZATION, self.bearer());
        request
    }
}
