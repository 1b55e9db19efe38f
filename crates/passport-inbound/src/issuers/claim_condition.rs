//! A condition on a claim of a token.

use std::fmt;

use crate::jwt::{
    claim_path::ClaimPath,
    claim_value::{ClaimValue, ClaimValues},
};

/// A condition on a claim: for example, that marks an access token, or the token of a service
/// account.
///
/// ```
/// use passport_inbound::ClaimCondition;
///
/// let is_app = ClaimCondition::equals("idtyp", "app");
/// assert_eq!(is_app.to_string(), r#"idtyp = "app""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimCondition {
    path: ClaimPath,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Equals(Box<str>),
    StartsWith(Box<str>),
    EndsWith(Box<str>),
    Present,
}

impl ClaimCondition {
    /// Creates the condition that the claim is a string with this value, or a list of strings that
    /// contains this value. The comparison is case-sensitive. `true` and `false` are also equal to
    /// the boolean values.
    pub fn equals(path: impl Into<ClaimPath>, value: impl Into<String>) -> Self {
        Self { path: path.into(), test: Test::Equals(value.into().into()) }
    }

    /// Creates the condition that the claim is a string that begins with this text. Use it only for
    /// claims that users cannot choose.
    pub fn starts_with(path: impl Into<ClaimPath>, start: impl Into<String>) -> Self {
        Self { path: path.into(), test: Test::StartsWith(start.into().into()) }
    }

    /// Creates the condition that the claim is a string that ends with this text. Use it only for
    /// claims that users cannot choose.
    pub fn ends_with(path: impl Into<ClaimPath>, end: impl Into<String>) -> Self {
        Self { path: path.into(), test: Test::EndsWith(end.into().into()) }
    }

    /// Creates the condition that the token has the claim, with any value but `null`.
    pub fn present(path: impl Into<ClaimPath>) -> Self {
        Self { path: path.into(), test: Test::Present }
    }

    /// Returns whether the claim can have any value.
    pub(super) fn accepts_any_value(&self) -> bool {
        self.test == Test::Present
    }

    pub(crate) fn path(&self) -> &ClaimPath {
        &self.path
    }

    /// Returns whether every token meets the condition, or no token does: an empty text begins
    /// every string.
    pub(crate) fn is_blank(&self) -> bool {
        match &self.test {
            Test::Equals(text) | Test::StartsWith(text) | Test::EndsWith(text) => text.trim().is_empty(),
            Test::Present => false,
        }
    }

    /// Returns whether the claims of a token meet the condition.
    pub(crate) fn is_met(&self, claims: &ClaimValues) -> bool {
        let Some(value) = claims.get(&self.path) else { return false };
        match (&self.test, value) {
            (Test::Present, _) => true,
            (Test::Equals(expected), ClaimValue::Text(text)) => text == &**expected,
            (Test::Equals(expected), ClaimValue::Texts(list)) => list.iter().any(|text| text == &**expected),
            (Test::Equals(expected), ClaimValue::Bool(flag)) => flag.to_string() == **expected,
            (Test::StartsWith(start), ClaimValue::Text(text)) => text.starts_with(&**start),
            (Test::EndsWith(end), ClaimValue::Text(text)) => text.ends_with(&**end),
            _ => false,
        }
    }
}

impl fmt::Display for ClaimCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.test {
            Test::Equals(value) => write!(f, "{} = {value:?}", self.path),
            Test::StartsWith(start) => write!(f, "{} begins with {start:?}", self.path),
            Test::EndsWith(end) => write!(f, "{} ends with {end:?}", self.path),
            Test::Present => write!(f, "{} is present", self.path),
        }
    }
}

#[cfg(test)]
mod tests;
