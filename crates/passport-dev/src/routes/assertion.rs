//! `private_key_jwt`: a client that signs an assertion about itself
//! ([RFC 7523, section 3](https://www.rfc-editor.org/rfc/rfc7523#section-3)). Verified as strictly as a real Passport has to.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{form::Form, oauth_error::OAuthError};
use crate::{
    jwt::unix_seconds,
    registry::{AuthenticatedClient, Registry},
    server_state::ServerState,
};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The longest life of an assertion, in seconds.
const LONGEST: u64 = 300;

/// The credential of a client that signs, instead of a secret's id.
const KEY: &str = "private-key";

#[derive(Deserialize)]
struct AssertionHeader {
    alg: String,
}

/// One, or a list ([RFC 7519, section 4.1.3](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3)).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Many(Vec<String>),
}

impl Audiences {
    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

#[derive(Deserialize)]
struct AssertionClaims {
    iss: String,
    sub: String,
    aud: Audiences,
    jti: String,
    exp: u64,
}

/// Returns the client that has signed `assertion`.
pub(super) fn authenticate(
    state: &ServerState,
    registry: &mut Registry,
    form: &Form,
    assertion: &str,
) -> Result<AuthenticatedClient, OAuthError> {
    if form.get("client_assertion_type") != Some(TYPE) {
        return Err(OAuthError::invalid_request("client_assertion_type is missing or another one"));
    }
    let (signed, claims) = signed_by(registry, assertion).ok_or(OAuthError::INVALID_CLIENT)?;
    let (now, issuer) = (unix_seconds(state.clock.now()), state.issuer());
    let token_url = format!("{}/passport/token", state.base());
    let is_for_us = claims.aud.names(issuer) || claims.aud.names(&token_url);
    let is_of_now = claims.exp > now && claims.exp <= now + LONGEST;
    let names_itself = claims.iss == claims.sub && form.get("client_id").is_none_or(|id| id == claims.sub);
    if !(signed && is_for_us && is_of_now && names_itself && registry.is_first_use(&claims.sub, &claims.jti))
    {
        return Err(OAuthError::INVALID_CLIENT);
    }
    Ok(AuthenticatedClient { client_id: claims.sub, secret_id: KEY.to_owned() })
}

/// Returns whether the client that an assertion names has signed it, and its claims.
fn signed_by(registry: &Registry, assertion: &str) -> Option<(bool, AssertionClaims)> {
    let (message, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
    let header: AssertionHeader = serde_json::from_slice(&decoded(header)?).ok()?;
    let claims: AssertionClaims = serde_json::from_slice(&decoded(claims)?).ok()?;
    let identity = registry.get(&claims.sub).filter(|identity| identity.enabled)?;
    let key = identity.key.as_ref()?;
    Some((key.verifies(&header.alg, message.as_bytes(), &decoded(signature)?), claims))
}
