//! Parses references to a field of a secret. Pure.

/// Why a text names no secret. The text is not quoted: some paste the secret instead of its path.
pub(super) type InvalidReference = &'static str;

/// The path of a secret within the engine's mount, and a field of it.
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
                "it names no secret: write its path in the engine and its field (path/of/secret#field)",
            );
        }
        Ok(Self { path, field })
    }
}

/// Whether these are segments of a path that stays within its mount.
pub(super) fn is_path(names: &[&str]) -> bool {
    // A URL is built without control characters, and ".\t." would be "..".
    names.iter().all(|name| !matches!(*name, "" | "." | "..") && !name.contains(char::is_control))
}

#[cfg(test)]
mod tests;
