//! Parses references to a secret. Pure.

/// Why a text names no secret. The text is not quoted: some paste the secret instead of its name.
pub(super) type InvalidReference = &'static str;

/// A secret, or one key of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SecretId<'a> {
    /// A name, or an ARN.
    pub(super) id: &'a str,
    /// The region of an ARN.
    pub(super) region: Option<&'a str>,
    /// The key in a JSON object. `None` for the whole text.
    pub(super) key: Option<&'a str>,
}

impl<'a> SecretId<'a> {
    /// Parses `name[#key]` or `arn:aws:secretsmanager:region:account:secret:name[#key]`
    pub(super) fn parse(text: &'a str) -> Result<Self, InvalidReference> {
        let (id, key) = text.split_once('#').map_or((text, None), |(id, key)| (id, Some(key)));
        if id.is_empty() || key.is_some_and(str::is_empty) {
            return Err("it names no secret: write its name or ARN, and for a key of its JSON name#key");
        }
        let region = match id.split(':').collect::<Vec<_>>()[..] {
            ["arn", _, "secretsmanager", region, _, "secret", ..] if !region.is_empty() => Some(region),
            ["arn", ..] => return Err("it is an ARN, but not of a secret"),
            _ => None,
        };
        Ok(Self { id, region, key })
    }
}

#[cfg(test)]
mod tests;
