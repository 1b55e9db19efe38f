//! Parses and validates the header of a token
//! ([RFC 7515, section 4](https://www.rfc-editor.org/rfc/rfc7515#section-4)). Allocates nothing.

use super::{
    algorithm::{Algorithm, AllowedAlgorithms},
    header_json::{self, Text, Value},
};
use crate::RejectionReason;

/// The members of a valid header that select the key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) algorithm: Algorithm,
    /// The id of the key with which the token claims to be signed. `None` if the header has no
    /// `kid`.
    pub(crate) kid: Option<Text<'a>>,
}

/// The members of a header that are read. The values of these members are not validated yet.
/// Keys in the header (`jwk`, `jku`, `x5u`, `x5c`) are ignored.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeaderMembers<'a> {
    pub(crate) alg: Option<Text<'a>>,
    pub(crate) kid: Option<Text<'a>>,
    pub(crate) typ: Option<Text<'a>>,
    has_crit: bool,
    /// Whether there is a member of encrypted tokens (`enc`, `zip`), or of tokens with an unencoded
    /// payload (`b64`).
    has_unsupported: bool,
}

impl<'a> HeaderMembers<'a> {
    /// Parses the decoded header of a token. Returns an error if the header is not a JSON object,
    /// or if `alg`, `kid` or `typ` is not a string.
    pub(crate) fn read(json: &'a [u8]) -> Result<Self, RejectionReason> {
        let mut members = Self::default();
        let mut is_text = true;
        header_json::object(json, |name, value| {
            let mut text = |member: &mut Option<Text<'a>>| match value {
                Value::Text(text) => *member = Some(text),
                // `null` is a value of the wrong type. It does not count as an absent member.
                Value::Other => is_text = false,
            };
            if name.equals("alg") {
                text(&mut members.alg);
            } else if name.equals("kid") {
                text(&mut members.kid);
            } else if name.equals("typ") {
                text(&mut members.typ);
            } else if name.equals("crit") {
                members.has_crit = true;
            } else if ["b64", "enc", "zip"].iter().any(|unsupported| name.equals(unsupported)) {
                members.has_unsupported = true;
            }
        })
        .map_err(|_| RejectionReason::Malformed)?;
        if is_text { Ok(members) } else { Err(RejectionReason::Malformed) }
    }

    /// Checks that the token is a signed token without extensions, with an algorithm of `allowed`
    /// and a type of `types`.
    ///
    /// `crit` requires extensions, and none is supported. `b64` is such an extension
    /// ([RFC 7797, section 6](https://www.rfc-editor.org/rfc/rfc7797#section-6)). `enc` and `zip`
    /// are members of encrypted tokens.
    pub(crate) fn validate(
        self,
        allowed: &AllowedAlgorithms,
        types: &TokenTypes,
    ) -> Result<Header<'a>, RejectionReason> {
        let alg = self.alg.ok_or(RejectionReason::Malformed)?;
        let algorithm = allowed.named(|name| alg.equals(name)).ok_or(RejectionReason::AlgorithmNotAllowed)?;
        if self.has_crit {
            return Err(RejectionReason::UnsupportedCritical);
        }
        if self.has_unsupported {
            return Err(RejectionReason::Malformed);
        }
        if types.accept(self.typ) {
            Ok(Header { algorithm, kid: self.kid })
        } else {
            Err(RejectionReason::WrongTokenType)
        }
    }
}

/// The accepted values of `typ`. Upper and lower case are equal, and the prefix `application/`
/// is optional ([RFC 7515, section
/// 4.1.9](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenTypes {
    /// `typ` is absent, `JWT` or `at+jwt`. Passport uses `JWT` or omits `typ`; [RFC 9068, section
    /// 2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1) requires `at+jwt`.
    AccessToken,
    /// `typ` is present, and is one of these values, in lower case.
    Listed(Box<[String]>),
    /// `typ` is one of the values of a statement, which is no access token.
    Statement(StatementType),
}

/// The accepted values of `typ` of a statement: a signed token of another kind than an access
/// token, such as a logout token. The issuers' keys verify it, but it gives no access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StatementType {
    /// The accepted values, in lower case, without the prefix `application/`.
    pub(crate) values: &'static [&'static str],
    /// Whether `typ` may be absent.
    pub(crate) is_optional: bool,
}

impl StatementType {
    /// Creates the type of statements with exactly this `typ`.
    pub(crate) const fn exactly(values: &'static [&'static str; 1]) -> Self {
        Self { values, is_optional: false }
    }
}

/// The values of `typ` of all statements. No access token may have one of them.
pub(crate) const STATEMENT_TYPES: [&str; 3] = ["logout+jwt", "secevent+jwt", "token-introspection+jwt"];

/// The values of `typ` that [`TokenTypes::AccessToken`] accepts, in lower case.
const ACCESS_TOKEN_TYPES: [&str; 2] = ["jwt", "at+jwt"];

impl TokenTypes {
    fn accept(&self, typ: Option<Text<'_>>) -> bool {
        match (self, typ) {
            (Self::AccessToken, None) => true,
            (Self::Listed(_), None) => false,
            (Self::Statement(statement), None) => statement.is_optional,
            (_, Some(typ)) => self.values().any(|accepted| is_media_type(typ, accepted)),
        }
    }

    /// Returns the accepted values, in lower case.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        let (fixed, listed): (&[&str], &[String]) = match self {
            Self::AccessToken => (&ACCESS_TOKEN_TYPES, &[]),
            Self::Listed(types) => (&[], types),
            Self::Statement(statement) => (statement.values, &[]),
        };
        fixed.iter().copied().chain(listed.iter().map(String::as_str))
    }
}

/// Returns whether `typ`, a configured type of access tokens in any case, is the type of a
/// statement.
pub(crate) fn is_statement_type(typ: &str) -> bool {
    let typ = typ.trim().to_ascii_lowercase();
    STATEMENT_TYPES.contains(&typ.strip_prefix("application/").unwrap_or(&typ))
}

/// Returns whether `typ` is the media type `accepted`, which is in lower case, with or without
/// the prefix `application/`.
fn is_media_type(typ: Text<'_>, accepted: &str) -> bool {
    let lower = || typ.chars().map(|character| character.to_ascii_lowercase());
    let accepted = accepted.strip_prefix("application/").unwrap_or(accepted);
    lower().eq(accepted.chars()) || lower().eq("application/".chars().chain(accepted.chars()))
}

#[cfg(test)]
mod tests;
