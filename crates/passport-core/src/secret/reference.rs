use std::{fmt, str::FromStr};

/// A reference to a secret: `scheme:path`, where the scheme is the name of the provider.
///
/// ```
/// use passport_core::SecretRef;
///
/// let reference: SecretRef = "env:PAYROLL_SECRET".parse()?;
/// assert_eq!((reference.scheme(), reference.path()), ("env", "PAYROLL_SECRET"));
/// # Ok::<(), passport_core::InvalidSecretRef>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretRef {
    scheme: String,
    path: String,
}

impl SecretRef {
    /// Returns the scheme: everything before the first colon, in lower case. The scheme is the name
    /// of the provider.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns the path: everything after the first colon. The format of the path depends on the
    /// provider.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn of(scheme: &str, path: String) -> Self {
        Self { scheme: scheme.to_owned(), path }
    }
}

impl FromStr for SecretRef {
    type Err = InvalidSecretRef;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, path) = text.split_once(':').ok_or(InvalidSecretRef)?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-._".contains(char));
        if !is_scheme || path.is_empty() {
            return Err(InvalidSecretRef);
        }
        Ok(Self::of(&scheme.to_ascii_lowercase(), path.to_owned()))
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.path)
    }
}

/// The error of a text that is not a [`SecretRef`].
///
/// `Display` and `Debug` are the same message. The message does not contain the text, because a
/// secret can have been pasted instead of its reference.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a secret reference: expected env:NAME or file:/path (the text is not shown, in case it is \
     the secret itself)"
)]
pub struct InvalidSecretRef;

/// Prints the same message as `Display`, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for InvalidSecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
