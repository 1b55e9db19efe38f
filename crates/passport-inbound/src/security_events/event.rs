//! The events of a security event token ([RFC 8417](https://www.rfc-editor.org/rfc/rfc8417)). Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::{error::Problem, subject::EventSubject};
use crate::jwt::header::StatementType;

/// The type of security event tokens.
pub(super) const SECURITY_EVENT: StatementType = StatementType::exactly(&["secevent+jwt"]);

/// The maximum number of events of one token.
const MAX_EVENTS: usize = 16;

/// The types of events that deny their subject, with their names in metrics and logs.
const DENYING: [(&str, &str); 6] = [
    ("https://schemas.openid.net/secevent/caep/event-type/session-revoked", "session-revoked"),
    ("https://schemas.openid.net/secevent/caep/event-type/credential-change", "credential-change"),
    ("https://schemas.openid.net/secevent/risc/event-type/account-disabled", "account-disabled"),
    ("https://schemas.openid.net/secevent/risc/event-type/account-purged", "account-purged"),
    ("https://schemas.openid.net/secevent/risc/event-type/credential-compromise", "credential-compromise"),
    ("https://schemas.openid.net/secevent/risc/event-type/sessions-revoked", "sessions-revoked"),
];

/// The types of events about the stream itself. They deny no subject.
const OF_STREAM: [(&str, &str); 3] = [
    ("https://schemas.openid.net/secevent/ssf/event-type/verification", "verification"),
    ("https://schemas.openid.net/secevent/risc/event-type/verification", "verification"),
    ("https://schemas.openid.net/secevent/ssf/event-type/stream-updated", "stream-updated"),
];

/// The name of an event of another type.
const UNKNOWN: &str = "unknown";

/// An event of a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SecurityEvent {
    /// The name of the type in metrics and logs.
    pub(super) name: &'static str,
    /// The denied tokens. `None` if the event denies none.
    pub(super) denied: Option<DeniedTokens>,
}

/// The tokens that an event denies.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DeniedTokens {
    pub(super) subject: EventSubject,
    /// Tokens that were issued until this time are denied.
    pub(super) issued_before: SystemTime,
}

/// Reads the events of a token with these claims. `issuer` is its `iss`, `issued_at` its `iat`.
///
/// # Errors
/// If `events` is not an object of events, or if an event denies a subject that cannot be used.
pub(super) fn events(
    claims: &Map<String, Value>,
    issuer: &str,
    issued_at: SystemTime,
    now: SystemTime,
) -> Result<Vec<SecurityEvent>, Problem> {
    let events = claims.get("events").and_then(Value::as_object).filter(|events| !events.is_empty());
    let events = events.filter(|events| events.len() <= MAX_EVENTS).ok_or(Problem::Claim("events"))?;
    let event = |(uri, event): (&String, &Value)| {
        let Value::Object(event) = event else { return Err(Problem::Claim("events")) };
        let name =
            |types: &[(&str, &'static str)]| types.iter().find(|(own, _)| own == uri).map(|(_, name)| *name);
        let denied = match name(&DENYING) {
            Some(name) if has_ended_access(name, event) => Some(DeniedTokens {
                subject: subject(claims, event, issuer)?,
                issued_before: time(claims, event, now).unwrap_or(issued_at),
            }),
            _ => None,
        };
        let name = name(&DENYING).or_else(|| name(&OF_STREAM)).unwrap_or(UNKNOWN);
        Ok(SecurityEvent { name, denied })
    };
    events.iter().map(event).collect()
}

/// Returns whether an event of a denying type ends access. A new credential does not: the other
/// credentials of the subject stay valid.
fn has_ended_access(name: &str, event: &Map<String, Value>) -> bool {
    let change = event.get("change_type").and_then(Value::as_str);
    !(name == "credential-change" && change == Some("create"))
}

/// Returns the subject of an event: `sub_id` of the token ([RFC 9493, section
/// 4.1](https://www.rfc-editor.org/rfc/rfc9493#section-4.1)), `subject` of the event as in drafts
/// of CAEP and RISC, or `sub` of the token.
fn subject(
    claims: &Map<String, Value>,
    event: &Map<String, Value>,
    issuer: &str,
) -> Result<EventSubject, Problem> {
    let identifier = claims.get("sub_id").or_else(|| event.get("subject"));
    let mut subject = match (identifier, claims.get("sub")) {
        (Some(identifier), _) => EventSubject::read(identifier, issuer)?,
        (None, Some(Value::String(sub))) if !sub.trim().is_empty() => {
            EventSubject::of_logout(Some(sub), None).ok_or(Problem::NoSubject)?
        }
        (None, Some(_)) => return Err(Problem::Claim("sub")),
        (None, None) => return Err(Problem::NoSubject),
    };
    let tenant = claims.get("tenant_id").and_then(Value::as_str);
    subject.tenant = subject.tenant.or_else(|| tenant.map(str::to_owned));
    Ok(subject)
}

/// Returns when the event happened: `event_timestamp` of CAEP, or `toe` of the token ([RFC 8417,
/// section 2.2](https://www.rfc-editor.org/rfc/rfc8417#section-2.2)). Returns `None` if there is no
/// such time, or if it is in the future.
fn time(claims: &Map<String, Value>, event: &Map<String, Value>, now: SystemTime) -> Option<SystemTime> {
    let seconds = event.get("event_timestamp").or_else(|| claims.get("toe"))?.as_f64()?;
    let time = UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
    (time <= now).then_some(time)
}

#[cfg(test)]
mod tests;
