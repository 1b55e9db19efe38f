//! The `iss` of a trusted issuer: one value, or a pattern for the directories of Entra.

/// The placeholder for the id of a directory in an issuer's URL.
pub(crate) const PLACEHOLDER: &str = "{tenantid}";

/// The claim in which Entra writes the directory of a token.
pub(crate) const DIRECTORY_CLAIM: &str = "tid";

/// The accepted `iss`: exactly one text, or a text with one placeholder for the GUID of a
/// directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IssuerPattern {
    Exact(Box<str>),
    Directory { before: Box<str>, after: Box<str> },
}

impl IssuerPattern {
    pub(crate) fn new(issuer: &str) -> Self {
        match issuer.split_once(PLACEHOLDER) {
            Some((before, after)) => Self::Directory { before: before.into(), after: after.into() },
            None => Self::Exact(issuer.into()),
        }
    }

    /// Returns whether `iss` is this issuer, byte for byte. At the placeholder, only a GUID in
    /// lower case matches.
    pub(crate) fn matches(&self, iss: &str) -> bool {
        match self {
            Self::Exact(own) => **own == *iss,
            Self::Directory { .. } => self.directory(iss).is_some(),
        }
    }

    /// Returns the GUID of the directory in `iss`. Returns `None` if `iss` does not match, or if
    /// the issuer has no placeholder.
    pub(crate) fn directory<'a>(&self, iss: &'a str) -> Option<&'a str> {
        match self {
            Self::Exact(_) => None,
            Self::Directory { before, after } => {
                let directory = iss.strip_prefix(&**before)?.strip_suffix(&**after)?;
                is_guid(directory).then_some(directory)
            }
        }
    }
}

/// Returns whether `text` is a GUID in lower case with dashes, the form that Entra uses.
pub(crate) fn is_guid(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => is_digit(byte),
        })
}

#[cfg(test)]
mod tests;
