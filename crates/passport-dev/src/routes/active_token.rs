//! Whether a token is active: issued by this Passport, valid now, and not revoked.

use serde_json::{Map, Value};

use crate::{
    jwt::{own_claims, token_id, unix_seconds},
    server_state::ServerState,
};

/// Returns the claims of `token` if the token is active: issued by this Passport, valid now, and
/// not revoked. Otherwise returns `None`.
pub(super) fn active_claims(state: &ServerState, token: &str) -> Option<Map<String, Value>> {
    let claims = own_claims(state, token)?;
    let now = unix_seconds(state.clock.now());
    let time = |name: &str| claims.get(name).and_then(Value::as_u64);
    let active = time("exp")? > now
        && time("nbf").is_none_or(|nbf| nbf <= now)
        && claims.get("iss").and_then(Value::as_str) == Some(state.issuer())
        && !state.registry().is_revoked(&token_id(token, &claims));
    active.then_some(claims)
}
