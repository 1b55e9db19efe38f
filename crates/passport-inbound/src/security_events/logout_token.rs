//! The claims of a logout token ([OpenID Connect Back-Channel Logout 1.0, section
//! 2.6](https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation)). Pure.

use serde_json::{Map, Value};

use super::{error::Problem, subject::EventSubject};
use crate::jwt::header::StatementType;

/// The type of logout tokens.
pub(super) const LOGOUT_TOKEN: StatementType = StatementType::exactly(&["logout+jwt"]);

/// The type of logout tokens of issuers that do not set it. An access token can have it as well:
/// [`subject`] decides by the claims.
pub(super) const UNTYPED_LOGOUT_TOKEN: StatementType =
    StatementType { values: &["logout+jwt", "jwt"], is_optional: true };

/// The event of a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Returns the subject of a logout token with these claims.
///
/// # Errors
/// If the claims are not those of a logout token. Claims of an access token or an ID token never
/// are: they have no `events`.
pub(super) fn subject(claims: &Map<String, Value>) -> Result<EventSubject, Problem> {
    let event = claims.get("events").and_then(|events| events.as_object()?.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(Problem::Claim("events"));
    }
    if claims.contains_key("nonce") {
        return Err(Problem::Nonce);
    }
    let id = |name| match claims.get(name) {
        None => Ok(None),
        Some(Value::String(id)) if !id.trim().is_empty() => Ok(Some(id.as_str())),
        Some(_) => Err(Problem::Claim(name)),
    };
    let mut subject = EventSubject::of_logout(id("sub")?, id("sid")?).ok_or(Problem::NoSubject)?;
    subject.tenant = claims.get("tenant_id").and_then(Value::as_str).map(str::to_owned);
    Ok(subject)
}

#[cfg(test)]
mod tests;
