//! Client authentication with `private_key_jwt`, in which the client signs an assertion ([RFC
//! 7523, section 3](https://www.rfc-editor.org/rfc/rfc7523#section-3)). The checks are strict,
//! so that tests of clients find mistakes that Passport rejects.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{form::Form, oauth_error::OAuthError};
use crate::{
    jwt::unix_seconds,
    registry::{AuthenticatedClient, KEY_ID, Registry},
    server_state::ServerState,
};

/// The value that the form field `client_assertion_type` must have.
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The maximum time until an assertion expires, in seconds. An assertion that expires later is
/// rejected.
const MAX_LIFETIME: u64 = 300;

/// The JOSE header of an assertion.
#[derive(Deserialize)]
struct AssertionHeader {
    alg: String,
}

/// The claim `aud`: a text or a list ([RFC 7519, section
/// 4.1.3](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3)).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Many(Vec<String>),
}

impl Audiences {
    /// Returns whether `audience` is one of the audiences.
    fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

/// The claims of an assertion.
#[derive(Deserialize)]
struct AssertionClaims {
    iss: String,
    sub: String,
    aud: Audiences,
    jti: String,
    exp: u64,
}

/// Authenticates the client that signed `assertion`. Returns an error if `client_assertion_type`
/// or the assertion is invalid. A valid assertion must
///
/// - be signed with the key of the client that `sub` names, and have the same `iss` as `sub`;
/// - have the issuer or the URL of the token endpoint as an audience;
/// - expire within 300 s;
/// - not have been used before.
pub(super) fn authenticate(
    state: &ServerState,
    registry: &mut Registry,
    form: &Form,
    assertion: &str,
) -> Result<AuthenticatedClient, OAuthError> {
    if form.get("client_assertion_type") != Some(TYPE) {
        return Err(OAuthError::invalid_request(
            "client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ));
    }
    let (signed, claims) = verify_signature(registry, assertion).ok_or(OAuthError::INVALID_CLIENT)?;
    let (now, issuer) = (unix_seconds(state.clock.now()), state.issuer());
    let token_url = format!("{}/passport/token", state.base());
    let has_audience = claims.aud.contains(issuer) || claims.aud.contains(&token_url);
    let has_lifetime = claims.exp > now && claims.exp <= now + MAX_LIFETIME;
    let has_subject = claims.iss == claims.sub && form.get("client_id").is_none_or(|id| id == claims.sub);
    if !(signed
        && has_audience
        && has_lifetime
        && has_subject
        && registry.record_assertion(&claims.sub, &claims.jti))
    {
        return Err(OAuthError::INVALID_CLIENT);
    }
    Ok(AuthenticatedClient { client_id: claims.sub, secret_id: KEY_ID.to_owned() })
}

/// Returns whether the client that `sub` names signed `assertion`, and the claims of
/// `assertion`. Returns `None` if the assertion is malformed, or if the client is unknown,
/// disabled or has no key.
fn verify_signature(registry: &Registry, assertion: &str) -> Option<(bool, AssertionClaims)> {
    let (message, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
    let header: AssertionHeader = serde_json::from_slice(&decoded(header)?).ok()?;
    let claims: AssertionClaims = serde_json::from_slice(&decoded(claims)?).ok()?;
    let identity = registry.get(&claims.sub).filter(|identity| identity.enabled)?;
    let key = identity.key.as_ref()?;
    Some((key.verifies(&header.alg, message.as_bytes(), &decoded(signature)?), claims))
}
