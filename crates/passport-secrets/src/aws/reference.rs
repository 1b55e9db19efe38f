//! Parses references to secrets. Pure.

/// The reason and the remedy for an invalid reference. The reference is not quoted, because it
/// may be the secret itself, pasted by mistake.
pub(super) type InvalidReference = &'static str;

/// A secret, or one key of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SecretId<'a> {
    /// The name or the ARN.
    pub(super) id: &'a str,
    /// The region of an ARN.
    pub(super) region: Option<&'a str>,
    /// The key in the JSON object. `None` for the whole text.
    pub(super) key: Option<&'a str>,
}

impl<'a> SecretId<'a> {
    /// Parses `name[#key]` or `arn:aws:secretsmanager:region:account:secret:name[#key]`.
    pub(super) fn parse(text: &'a str) -> Result<Self, InvalidReference> {
        let (id, key) = text.split_once('#').map_or((text, None), |(id, key)| (id, Some(key)));
        if id.is_empty() || key.is_some_and(str::is_empty) {
            return Err("not the name of a secret; write a name or an ARN, with #key for a key of its JSON");
        }
        let region = match id.split(':').collect::<Vec<_>>()[..] {
            ["arn", _, "secretsmanager", region, _, "secret", ..] if !region.is_empty() => Some(region),
            ["arn", ..] => {
                return Err(
                    "an ARN, but not of a secret; write arn:aws:secretsmanager:region:account:secret:name",
                );
            }
            _ => None,
        };
        Ok(Self { id, region, key })
    }
}

#[cfg(test)]
mod tests;
