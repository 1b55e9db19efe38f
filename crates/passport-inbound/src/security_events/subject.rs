//! The subjects of security events ([RFC 9493](https://www.rfc-editor.org/rfc/rfc9493)). Pure.

use serde_json::{Map, Value};

use super::error::Problem;
use crate::DeniedSubject;

/// The maximum number of identifiers of a subject. More are an error: none is ignored silently.
const MAX_ALIASES: usize = 16;

/// The denied subjects of an event, in the ids of the issuer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct EventSubject {
    pub(super) subjects: Vec<DeniedSubject>,
    /// The tenant of the subjects, as the issuer names it.
    pub(super) tenant: Option<String>,
}

impl EventSubject {
    /// Returns the subject of a logout: the session if there is one, otherwise all tokens of the
    /// user. Returns `None` if there is neither.
    pub(super) fn of_logout(sub: Option<&str>, sid: Option<&str>) -> Option<Self> {
        let subjects = match (sub, sid) {
            (None, None) => return None,
            (Some(sub), None) => vec![DeniedSubject::Subject(sub.to_owned())],
            (sub, Some(sid)) => of_session(sid, sub),
        };
        Some(Self { subjects, tenant: None })
    }

    /// Reads a subject identifier of an event that `issuer` has sent.
    ///
    /// # Errors
    /// If no token can be found by the identifier, or if it is of another issuer.
    pub(super) fn read(subject: &Value, issuer: &str) -> Result<Self, Problem> {
        let Value::Object(members) = subject else { return Err(Problem::Claim("sub_id")) };
        match format(members).as_deref() {
            Some("complex") => Self::complex(members, issuer),
            // Drafts had complex subjects without a format.
            None if ["user", "session", "tenant"].iter().any(|name| members.contains_key(*name)) => {
                Self::complex(members, issuer)
            }
            _ => Ok(Self { subjects: simple(members, issuer)?, tenant: None }),
        }
    }

    /// Reads a subject of several members, which together identify it. The most specific member
    /// that a token can have decides: session, user, tenant. The less specific ones are ignored if
    /// they cannot be used. Devices and applications are not in tokens, so that an event about one
    /// of them denies the user.
    fn complex(members: &Map<String, Value>, issuer: &str) -> Result<Self, Problem> {
        let member =
            |name: &str| members.get(name).map(|member| member.as_object().ok_or(Problem::Claim("sub_id")));
        let tenant = member("tenant").map(|tenant| tenant.and_then(opaque_id));
        let user = member("user").map(|user| user.and_then(|user| simple(user, issuer)));
        let subjects = match (member("session"), user, &tenant) {
            (Some(session), user, _) => {
                let user = user.iter().flatten().flatten().find_map(|subject| match subject {
                    DeniedSubject::Subject(id) => Some(id.as_str()),
                    _ => None,
                });
                of_session(&session.and_then(opaque_id)?, user)
            }
            (None, Some(user), _) => user?,
            (None, None, Some(tenant)) => vec![DeniedSubject::Tenant(tenant.clone()?)],
            (None, None, None) => return Err(Problem::SubjectFormat),
        };
        Ok(Self { subjects, tenant: tenant.and_then(Result::ok) })
    }
}

/// Returns the subjects of a session. Tokens without `sid` belong to no known session, so those of
/// the user are denied as well.
fn of_session(sid: &str, sub: Option<&str>) -> Vec<DeniedSubject> {
    let user = sub.map(|sub| DeniedSubject::SubjectWithoutSession(sub.to_owned()));
    [DeniedSubject::Session(sid.to_owned())].into_iter().chain(user).collect()
}

/// Reads a subject identifier that is not complex.
fn simple(members: &Map<String, Value>, issuer: &str) -> Result<Vec<DeniedSubject>, Problem> {
    match format(members).as_deref() {
        Some("aliases") => aliases(members, issuer),
        _ => identifier(members, issuer),
    }
}

/// Reads identifiers of one subject. Those that no token has, and those of other issuers, are
/// ignored if there are others.
fn aliases(members: &Map<String, Value>, issuer: &str) -> Result<Vec<DeniedSubject>, Problem> {
    let Some(Value::Array(list)) = members.get("identifiers") else { return Err(Problem::Claim("sub_id")) };
    if list.len() > MAX_ALIASES {
        return Err(Problem::Claim("sub_id"));
    }
    let (mut subjects, mut unusable) = (Vec::new(), Problem::SubjectFormat);
    for value in list {
        let Value::Object(members) = value else { return Err(Problem::Claim("sub_id")) };
        match identifier(members, issuer) {
            Ok(found) => subjects.extend(found),
            Err(Problem::SubjectFormat) => {}
            Err(Problem::ForeignSubject) => unusable = Problem::ForeignSubject,
            Err(problem) => return Err(problem),
        }
    }
    if subjects.is_empty() { Err(unusable) } else { Ok(subjects) }
}

/// Reads one identifier.
fn identifier(members: &Map<String, Value>, issuer: &str) -> Result<Vec<DeniedSubject>, Problem> {
    let own = |name| {
        let is_own = text(members, "iss")? == issuer;
        if is_own { text(members, name).map(str::to_owned) } else { Err(Problem::ForeignSubject) }
    };
    match format(members).as_deref() {
        Some("iss_sub") => Ok(vec![DeniedSubject::Subject(own("sub")?)]),
        Some("jwt_id") => Ok(vec![DeniedSubject::TokenId(own("jti")?)]),
        // The id of a user, or the id that a managed identity has in the audit log.
        Some("opaque") => {
            let id = text(members, "id")?.to_owned();
            Ok(vec![DeniedSubject::Subject(id.clone()), DeniedSubject::ManagedIdentity(id)])
        }
        _ => Err(Problem::SubjectFormat),
    }
}

/// Reads the id of a session or a tenant.
fn opaque_id(members: &Map<String, Value>) -> Result<String, Problem> {
    match format(members).as_deref() {
        Some("opaque") => text(members, "id").map(str::to_owned),
        _ => Err(Problem::SubjectFormat),
    }
}

/// Returns the format of an identifier. Drafts had `subject_type` with values such as `iss-sub`.
fn format(members: &Map<String, Value>) -> Option<String> {
    let format = members.get("format").or_else(|| members.get("subject_type"))?;
    format.as_str().map(|format| format.replace('-', "_"))
}

/// Returns the value of a member that must be a text with content.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str, Problem> {
    let text = members.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    text.ok_or(Problem::Claim("sub_id"))
}

#[cfg(test)]
mod tests;
