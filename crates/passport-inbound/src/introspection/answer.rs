//! The issuer's answer about a token ([RFC 7662, section
//! 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)). Pure: parses the answer, and compares
//! it with the token.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use crate::jwt::json::{self, Flag, NumericDate, OneOrMany, Skipped};

/// The members of an answer that are compared with the token. A token has the same members as
/// claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenFacts {
    pub(crate) iss: Option<String>,
    pub(crate) sub: Option<String>,
    pub(crate) aud: Option<Vec<String>>,
    pub(crate) exp: Option<NumericDate>,
    pub(crate) jti: Option<String>,
}

/// A parsed answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether the token is an active bearer token.
    pub(super) is_active: bool,
    pub(super) facts: TokenFacts,
}

/// Why an answer is not valid. An answer that is not valid never makes a token active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidAnswer {
    #[error("the content type is not that of an answer")]
    ContentType,
    #[error("the signature or a claim of the signed answer is not valid")]
    Signature,
    #[error("the body is not a JSON object, or a member has a wrong type or is duplicate")]
    NotJson,
    #[error("`active` is missing or is not a boolean")]
    NotBoolean,
    #[error("`{0}` of the answer does not match the token")]
    Mismatch(&'static str),
    #[error("the signed answer has neither `jti` nor `sub` and `exp`, so it can be about another token")]
    AnyToken,
}

impl Answer {
    /// Parses an answer. `active` must be a boolean, and no member may be duplicate.
    pub(super) fn parse(body: &[u8]) -> Result<Self, InvalidAnswer> {
        let members: Members = json::object(body).map_err(|_| InvalidAnswer::NotJson)?;
        let is_active = members.active.ok_or(InvalidAnswer::NotBoolean)?;
        let is_active = is_active && members.token_type.as_deref().is_none_or(is_bearer);
        Ok(Self { is_active, facts: members.facts })
    }

    /// Checks that the answer is about the token with the claims `token`. A member that the answer
    /// or the token does not have is not compared.
    pub(super) fn check(&self, token: &TokenFacts) -> Result<(), InvalidAnswer> {
        let TokenFacts { iss, sub, aud, exp, jti } = &self.facts;
        let differs = |answer: &Option<String>, token: &Option<String>| matches!((answer, token), (Some(answer), Some(token)) if answer != token);
        if differs(iss, &token.iss) {
            return Err(InvalidAnswer::Mismatch("iss"));
        }
        if differs(sub, &token.sub) {
            return Err(InvalidAnswer::Mismatch("sub"));
        }
        if let (Some(answer), Some(token)) = (aud, &token.aud)
            && !answer.iter().any(|audience| token.contains(audience))
        {
            return Err(InvalidAnswer::Mismatch("aud"));
        }
        if matches!((exp, token.exp), (Some(answer), Some(token)) if *answer != token) {
            return Err(InvalidAnswer::Mismatch("exp"));
        }
        if differs(jti, &token.jti) {
            return Err(InvalidAnswer::Mismatch("jti"));
        }
        Ok(())
    }

    /// Checks that the answer identifies the token with the claims `token`, so that a signed answer
    /// about another token cannot take its place.
    pub(super) fn check_identifies(&self, token: &TokenFacts) -> Result<(), InvalidAnswer> {
        let TokenFacts { sub, exp, jti, .. } = &self.facts;
        let has_subject = sub.is_some() && token.sub.is_some() && exp.is_some() && token.exp.is_some();
        let has_id = jti.is_some() && token.jti.is_some();
        if has_subject || has_id { Ok(()) } else { Err(InvalidAnswer::AnyToken) }
    }
}

impl TokenFacts {
    /// Reads the claims of a verified token. `accepted` are the audiences that the service accepts:
    /// if the token has some of them, the answer must have one of those.
    pub(crate) fn of_token(payload: &[u8], accepted: &[String]) -> Self {
        // The payload was parsed when the token was verified.
        let mut facts = json::object::<Members>(payload).unwrap_or_default().facts;
        if let Some(audiences) = &mut facts.aud
            && audiences.iter().any(|audience| accepted.contains(audience))
        {
            audiences.retain(|audience| accepted.contains(audience));
        }
        facts
    }
}

/// The members of an answer, or the claims of a token.
#[derive(Default)]
struct Members {
    /// `None` if the member is missing or is not a boolean.
    active: Option<bool>,
    token_type: Option<String>,
    facts: TokenFacts,
}

/// Returns whether a `token_type` is that of a bearer token. An issuer can also know other tokens,
/// such as refresh tokens.
fn is_bearer(token_type: &str) -> bool {
    token_type.eq_ignore_ascii_case("bearer")
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let (mut members, mut names) = (Members::default(), Vec::new());
                while let Some(name) = map.next_key::<String>()? {
                    let facts = &mut members.facts;
                    match name.as_str() {
                        "active" => {
                            members.active = match map.next_value()? {
                                Flag::Bool(active) => Some(active),
                                Flag::Other(_) => None,
                            }
                        }
                        "token_type" => members.token_type = map.next_value()?,
                        // `null` and an empty list count as absent.
                        "iss" => facts.iss = map.next_value()?,
                        "sub" => facts.sub = map.next_value()?,
                        "aud" => {
                            let audiences =
                                map.next_value::<Option<OneOrMany>>()?.map(|audiences| audiences.0);
                            facts.aud = audiences.filter(|audiences| !audiences.is_empty());
                        }
                        "exp" => facts.exp = map.next_value()?,
                        "jti" => facts.jti = map.next_value()?,
                        _ => {
                            map.next_value::<Skipped>()?;
                        }
                    }
                    names.push(name);
                }
                names.sort_unstable();
                if names.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Err(A::Error::custom("duplicate member"));
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests;
