//! Parses references to secrets in Vault. Does no I/O.

/// What is wrong with a reference, and the remedy. Does not quote the reference, because it may
/// be the secret itself, pasted by mistake.
pub(super) type InvalidReference = &'static str;

/// A parsed reference: the path of a secret below the mount of the key-value engine, and a field
/// of the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretPath<'a> {
    /// The segments of the path.
    pub(super) path: Vec<&'a str>,
    /// The name of the field. `None` for the only field of the secret.
    pub(super) field: Option<&'a str>,
}

impl<'a> SecretPath<'a> {
    /// Parses `path[#field]`.
    pub(super) fn parse(text: &'a str) -> Result<Self, InvalidReference> {
        let (path, field) = text.split_once('#').map_or((text, None), |(path, field)| (path, Some(field)));
        let path = path.split('/').collect::<Vec<_>>();
        if !are_valid_segments(&path) || field.is_some_and(str::is_empty) {
            return Err(
                "not the path of a secret; write the path below the mount, and a field: path/of/secret#field",
            );
        }
        Ok(Self { path, field })
    }
}

/// Returns whether no segment is empty, `.` or `..`, or contains a control character, so that
/// the path cannot leave the mount.
pub(super) fn are_valid_segments(segments: &[&str]) -> bool {
    // Building a URL removes control characters, so ".\t." would become "..".
    segments.iter().all(|text| !matches!(*text, "" | "." | "..") && !text.contains(char::is_control))
}

#[cfg(test)]
mod tests;
