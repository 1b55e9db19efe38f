//! aliri_tower: a layer for tower-http 0.5 over keys that are refreshed in the background. ring
//! verifies. Its layer for scopes is not used, because Passport tokens have roles instead.

use std::time::Duration;

use aliri::{
    jwa::Algorithm,
    jwt::{
        Audience, Audiences, CoreClaims, CoreValidator, Issuer, IssuerRef, Subject as JwtSubject, SubjectRef,
    },
};
use aliri_clock::UnixTime;
use aliri_oauth2::{Authority, HasScope, Scope};
use aliri_tower::Oauth2Authorizer;
use axum::{Extension, Router, body::Body, routing::get};
use http::StatusCode;
use serde::Deserialize;

use crate::inbound::{
    Contender,
    on_axum::{protected, respond},
};
use crate::{
    site::{AUDIENCE, Site},
    subject::Subject,
};

/// The claims of `PassportClaims`, with the types that the crate requires.
#[derive(Clone, Debug, Deserialize)]
#[allow(dead_code, reason = "the handler looks at the subject alone")]
struct Claims {
    iss: Issuer,
    sub: JwtSubject,
    aud: Audiences,
    exp: UnixTime,
    iat: u64,
    jti: String,
    tenant_id: String,
    name: String,
    managed_identity_id: Option<String>,
    #[serde(default)]
    is_service_account: bool,
    roles: Vec<String>,
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(default)]
    scope: Scope,
}

impl CoreClaims for Claims {
    fn nbf(&self) -> Option<UnixTime> {
        None
    }

    fn exp(&self) -> Option<UnixTime> {
        Some(self.exp)
    }

    fn aud(&self) -> &Audiences {
        &self.aud
    }

    fn iss(&self) -> Option<&IssuerRef> {
        Some(&self.iss)
    }

    fn sub(&self) -> Option<&SubjectRef> {
        Some(&self.sub)
    }
}

impl HasScope for Claims {
    fn scope(&self) -> &Scope {
        &self.scope
    }
}

async fn handler(Extension(claims): Extension<Claims>) -> StatusCode {
    respond(claims.sub.as_str())
}

#[derive(Debug)]
pub struct AliriTower<const AROUND: bool>;

impl<const AROUND: bool> Contender for AliriTower<AROUND> {
    const NAME: &'static str = "aliri_tower";

    async fn protect(site: &Site) -> Subject {
        let validator = CoreValidator::default()
            .add_approved_algorithm(Algorithm::RS256)
            .add_allowed_audience(Audience::from(AUDIENCE))
            .require_issuer(Issuer::from(site.issuer()));
        let authority =
            Authority::new_from_url(site.jwks_url(), validator).await.expect("the issuer responds");
        authority.spawn_refresh(Duration::from_secs(300));
        let authorizer = Oauth2Authorizer::new().with_claims::<Claims>().with_terse_error_handler::<Body>();
        let layer = authorizer.jwt_layer::<Body>(authority);
        protected::<AROUND, _, _>(Router::new().route("/", get(handler)), layer)
    }
}
