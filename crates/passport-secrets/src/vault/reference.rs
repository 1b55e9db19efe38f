//! Which field of which secret is meant. Pure.

/// Why a text names no secret. It is not quoted: people paste the secret itself where its path belongs.
pub(super) type Wrong = &'static str;

/// A path within the engine's mount, and the field there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) path: Vec<&'a str>,
    /// None is the only one there is.
    pub(super) field: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// `path[#field]`
    pub(super) fn parse(place: &'a str) -> Result<Self, Wrong> {
        let (path, field) = place.split_once('#').map_or((place, None), |(path, field)| (path, Some(field)));
        let path = path.split('/').collect::<Vec<_>>();
        if !is_path(&path) || field.is_some_and(str::is_empty) {
            return Err(
                "it names no secret: write its path in the engine and its field (path/of/secret#field)",
            );
        }
        Ok(Self { path, field })
    }
}

/// Whether these are the names on a path, and lead nowhere else.
pub(super) fn is_path(names: &[&str]) -> bool {
    // A URL is built without control characters, and ".\t." would be "..".
    names.iter().all(|name| !matches!(*name, "" | "." | "..") && !name.contains(char::is_control))
}

#[cfg(test)]
mod tests;
