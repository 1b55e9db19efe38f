//! The path of a claim in the payload of a token.

use std::fmt;

/// The path of a claim in a token's payload: the name of a claim, or of a member of a claim that
/// is an object.
///
/// A path is usually converted from text:
///
/// - A text that contains `://` is the name of one claim, such as
///   `https://bizfirstgo.com/roles`.
/// - Any other text is split at its dots: `realm_access.roles` is the member `roles` of the
///   claim `realm_access`. A dot after a backslash does not split:
///   `resource_access.my\.client.roles`.
///
/// ```
/// use passport_inbound::ClaimPath;
///
/// assert_eq!(ClaimPath::from("realm_access.roles").to_string(), "realm_access.roles");
/// assert_eq!(ClaimPath::from(r"a\.b"), ClaimPath::name("a.b"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimPath {
    /// The name of the claim.
    name: Box<str>,
    /// The names of the members inside the claim, from the outside in.
    members: Box<[Box<str>]>,
}

impl ClaimPath {
    /// Creates the path of the claim with exactly this name, even if the name has dots.
    pub fn name(name: impl Into<String>) -> Self {
        Self { name: name.into().into(), members: Box::default() }
    }

    /// Returns the name of the claim: the first part of the path.
    pub(crate) fn claim(&self) -> &str {
        &self.name
    }

    /// Returns the names of the members inside the claim.
    pub(crate) fn members(&self) -> &[Box<str>] {
        &self.members
    }

    /// Returns whether a part of the path is blank, so that no claim can have this path.
    pub(crate) fn has_blank_part(&self) -> bool {
        self.parts().any(|part| part.trim().is_empty())
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.name).chain(self.members.iter().map(|member| &**member))
    }
}

impl From<&str> for ClaimPath {
    fn from(text: &str) -> Self {
        if text.contains("://") {
            return Self::name(text);
        }
        let mut parts = vec![String::new()];
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match (character, parts.last_mut()) {
                ('\\', Some(part)) if characters.peek() == Some(&'.') => {
                    part.extend(characters.next());
                }
                ('.', _) => parts.push(String::new()),
                (other, Some(part)) => part.push(other),
                (_, None) => {}
            }
        }
        let mut parts = parts.into_iter().map(String::into_boxed_str);
        Self { name: parts.next().unwrap_or_default(), members: parts.collect() }
    }
}

impl From<String> for ClaimPath {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// Prints the text from which the path is converted.
impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.members.is_empty() && self.name.contains("://") {
            return f.write_str(&self.name);
        }
        for (index, part) in self.parts().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            f.write_str(&part.replace('.', "\\."))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
