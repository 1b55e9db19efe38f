//! Parses references to secrets. Pure.

/// The reason and the remedy for an invalid reference. The reference is not quoted, because it
/// may be the secret itself, pasted by mistake.
pub(super) type InvalidReference = &'static str;

/// The path of a secret below the mount of the key-value engine, and a field of the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretPath<'a> {
    pub(super) path: Vec<&'a str>,
    /// `None` for the only field of the secret.
    pub(super) field: Option<&'a str>,
}

impl<'a> SecretPath<'a> {
    /// Parses `path[#field]`.
    pub(super) fn parse(text: &'a str) -> Result<Self, InvalidReference> {
        let (path, field) = text.split_once('#').map_or((text, None), |(path, field)| (path, Some(field)));
        let path = path.split('/').collect::<Vec<_>>();
        if !is_path(&path) || field.is_some_and(str::is_empty) {
            return Err(
                "not the path of a secret; write the path below the mount, and a field: path/of/secret#field",
            );
        }
        Ok(Self { path, field })
    }
}

/// Returns whether `names` are the segments of a path that stays below its mount.
pub(super) fn is_path(names: &[&str]) -> bool {
    // Building a URL removes control characters, so ".\t." would become "..".
    names.iter().all(|name| !matches!(*name, "" | "." | "..") && !name.contains(char::is_control))
}

#[cfg(test)]
mod tests;
