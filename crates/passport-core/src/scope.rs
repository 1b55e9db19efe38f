use std::{collections::BTreeSet, fmt, str::FromStr};

/// The scopes of a token request. The scopes are sorted and unique, so the order in a
/// configuration has no effect.
///
/// Defaults to `openid roles`, the scopes of Passport's own managed identities.
///
/// ```
/// use passport_core::Scopes;
///
/// let scopes: Scopes = "roles openid roles".parse()?;
/// assert_eq!(scopes, Scopes::default());
/// assert_eq!(scopes.to_string(), "openid roles");
/// # Ok::<(), passport_core::InvalidScope>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scopes(BTreeSet<String>);

impl Scopes {
    /// Returns an iterator over the scopes, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl Default for Scopes {
    fn default() -> Self {
        Self(["openid", "roles"].map(str::to_owned).into())
    }
}

impl FromStr for Scopes {
    type Err = InvalidScope;

    /// Parses a list of scopes that are separated by spaces ([RFC 6749, section
    /// 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scopes: BTreeSet<_> =
            text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        if scopes.is_empty() {
            return Err(InvalidScope("expected at least one scope"));
        }
        if !scopes.iter().flat_map(|scope| scope.bytes()).all(is_scope_byte) {
            return Err(InvalidScope(
                "a scope contains a character that RFC 6749, section 3.3 does not allow; separate scopes by spaces",
            ));
        }
        Ok(Self(scopes))
    }
}

fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().collect::<Vec<_>>().join(" "))
    }
}

/// The error of a text that is not a list of scopes. `Display` and `Debug` are the same message.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid scopes: {0}")]
pub struct InvalidScope(&'static str);

/// Prints the same message as `Display`, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for InvalidScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
