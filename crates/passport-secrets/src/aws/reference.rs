//! Parses references to AWS secrets. Does no I/O.

/// What is wrong with a reference, and the remedy. Does not quote the reference, because a
/// secret may have been pasted as the reference by mistake.
pub(super) type InvalidReference = &'static str;

/// A parsed reference: the id of a secret, and optionally a key of the JSON object in the
/// secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SecretId<'a> {
    /// The name or the ARN of the secret.
    pub(super) id: &'a str,
    /// The region in the ARN. `None` if `id` is a name; the secret is then read in the default
    /// region.
    pub(super) region: Option<&'a str>,
    /// The key of the wanted string in the JSON object. `None` for the whole text of the secret.
    pub(super) key: Option<&'a str>,
}

impl<'a> SecretId<'a> {
    /// Parses `name[#key]` or `arn:aws:secretsmanager:region:account:secret:name[#key]`. Returns an
    /// error if the name or the key is empty, or if the ARN is not the ARN of a secret.
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
