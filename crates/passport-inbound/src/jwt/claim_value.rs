//! Values of the claims that a claim map reads. As strict as `claims`: a duplicate member of an
//! object is an error.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::claim_path::ClaimPath;

/// The claim in which an issuer names the claims that it has left out of the token, because they
/// are too large ([OpenID Connect Core, section
/// 5.6.2](https://openid.net/specs/openid-connect-core-1_0.html#AggregatedDistributedClaims)).
pub(crate) const CLAIM_NAMES: &str = "_claim_names";

/// The claim that Entra sets to `true` instead of `_claim_names` if it has left out `groups` of
/// a token from the implicit flow.
pub(crate) const HAS_GROUPS: &str = "hasgroups";

/// The value of a claim, or of a member of a claim.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClaimValue {
    Text(String),
    /// A list that contains only strings.
    Texts(Vec<String>),
    Bool(bool),
    /// The members of an object, without those that are `null`.
    Object(Vec<(Box<str>, Self)>),
    /// A number, or a list that does not contain only strings.
    Other,
}

/// The names of the claims that are kept when a token is parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WantedClaims(Box<[Box<str>]>);

/// The values of the wanted claims of a token. A claim with the value `null` counts as absent.
#[derive(Debug, Default)]
pub(crate) struct ClaimValues(Vec<(Box<str>, ClaimValue)>);

impl WantedClaims {
    /// Creates the list of the claims that `paths` begin with, and of the claims that say which
    /// claims are left out.
    pub(crate) fn new<'a>(paths: impl IntoIterator<Item = &'a ClaimPath>) -> Self {
        let mut names: Vec<Box<str>> = paths.into_iter().map(|path| path.claim().into()).collect();
        names.extend([CLAIM_NAMES.into(), HAS_GROUPS.into()]);
        names.sort_unstable();
        names.dedup();
        Self(names.into())
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|wanted| **wanted == *name)
    }
}

impl ClaimValues {
    pub(crate) fn push(&mut self, name: &str, value: Option<ClaimValue>) {
        self.0.extend(value.map(|value| (name.into(), value)));
    }

    /// Returns the value at `path`. Returns `None` if there is none, or if it is `null`.
    pub(crate) fn get(&self, path: &ClaimPath) -> Option<&ClaimValue> {
        path.members().iter().try_fold(member(&self.0, path.claim())?, |value, name| match value {
            ClaimValue::Object(members) => member(members, name),
            _ => None,
        })
    }

    /// Returns whether the issuer has left `claim` out of the token, so that its value is unknown.
    pub(crate) fn is_omitted(&self, claim: &str) -> bool {
        let is_named = match member(&self.0, CLAIM_NAMES) {
            None => false,
            Some(ClaimValue::Object(names)) => member(names, claim).is_some(),
            Some(_) => true,
        };
        let has_groups = || matches!(member(&self.0, HAS_GROUPS), Some(value) if is_true(value));
        is_named || (claim == "groups" && has_groups())
    }
}

/// Returns whether a value is `true`. Entra writes some flags as strings.
fn is_true(value: &ClaimValue) -> bool {
    match value {
        ClaimValue::Bool(flag) => *flag,
        ClaimValue::Text(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

fn member<'a>(members: &'a [(Box<str>, ClaimValue)], name: &str) -> Option<&'a ClaimValue> {
    members.iter().find(|(own, _)| **own == *name).map(|(_, value)| value)
}

/// A value as it is deserialized: `None` for `null`.
pub(crate) struct Nullable(pub(crate) Option<ClaimValue>);

impl<'de> Deserialize<'de> for Nullable {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Option<ClaimValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Some(ClaimValue::Bool(flag)))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Some(ClaimValue::Other))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Some(ClaimValue::Other))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Some(ClaimValue::Other))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(ClaimValue::Text(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut texts = Some(Vec::new());
        while let Some(Nullable(value)) = list.next_element()? {
            match (&mut texts, value) {
                (Some(texts), Some(ClaimValue::Text(text))) => texts.push(text),
                _ => texts = None,
            }
        }
        Ok(Some(texts.map_or(ClaimValue::Other, ClaimValue::Texts)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::<(Box<str>, Nullable)>::new();
        while let Some(entry) = map.next_entry()? {
            members.push(entry);
        }
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        if members.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(A::Error::custom("duplicate member"));
        }
        let present = members.into_iter().filter_map(|(name, Nullable(value))| Some((name, value?)));
        Ok(Some(ClaimValue::Object(present.collect())))
    }
}

#[cfg(test)]
mod tests;
