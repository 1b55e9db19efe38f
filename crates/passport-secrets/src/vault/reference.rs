//! Parses references to secrets in Vault. Does no I/O.

/// What is wrong with a reference, and the remedy. Does not quote the reference, because a
/// secret may have been pasted as the reference by mistake.
pub(super) type InvalidReference = &'static str;

/// A parsed reference: the path of a secret below the mount of the key-value engine, and a field
/// of the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretPath<'a> {
    /// The segments of the path, without slashes.
    pub(super) path: Vec<&'a str>,
    /// The name of the field. `None` if the reference names no field; the secret must then have
    /// exactly one field.
    pub(super) field: Option<&'a str>,
}

impl<'a> SecretPath<'a> {
    /// Parses `path[#field]`. Returns an error if a segment of the path is invalid, or if the field
    /// is empty.
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

/// Returns whether all segments are valid, so that the path cannot leave the mount. A segment is
/// invalid if it is empty, `.` or `..`, or if it contains a control character.
pub(super) fn are_valid_segments(segments: &[&str]) -> bool {
    // Control characters are rejected because building a URL removes them: ".\t." would become
    // "..".
    segments.iter().all(|text| !matches!(*text, "" | "." | "..") && !text.contains(char::is_control))
}

#[cfg(test)]
mod tests;
