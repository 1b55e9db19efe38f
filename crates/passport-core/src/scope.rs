use std::{collections::BTreeSet, fmt, str::FromStr};

/// The scopes a token is asked for: sorted and unique, so that their order never matters.
///
/// The default is `openid roles`, as Passport's own managed identities ask for.
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
    /// The scopes in alphabetical order.
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

    /// Reads a list that is separated by blanks ([RFC 6749, section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scopes: BTreeSet<_> =
            text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        if scopes.is_empty() {
            return Err(InvalidScope("no scope is named"));
        }
        if !scopes.iter().flat_map(|scope| scope.bytes()).all(is_scope_byte) {
            return Err(InvalidScope(
                "a scope has a character that RFC 6749, section 3.3 does not allow; separate scopes by one blank",
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

/// A text that is not a list of scopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a list of scopes: {0}")]
pub struct InvalidScope(&'static str);

#[cfg(test)]
mod tests;
