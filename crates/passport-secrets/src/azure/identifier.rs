//! Parses references to Azure secrets. Does no I/O.

use url::Url;

/// What is wrong with a reference, and the remedy. Does not quote the reference, because a
/// secret may have been pasted as the reference by mistake.
pub(super) type InvalidReference = &'static str;

/// A parsed reference: the vault, name and version of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identifier {
    /// The URL of the vault: `https://host[:port]/`.
    pub(super) vault: Url,
    pub(super) name: String,
    /// The version of the secret. `None` for the current version.
    pub(super) version: Option<String>,
}

impl Identifier {
    /// Parses a reference. The reference is a whole identifier
    /// (`https://contoso.vault.azure.net/secrets/payroll`), or `name[/version]` of a secret in the
    /// default `vault`. Returns an error if the reference is invalid, or if it is only a name and
    /// `vault` is `None`.
    pub(super) fn parse(text: &str, vault: Option<&Url>) -> Result<Self, InvalidReference> {
        if !text.contains("://") {
            let vault = vault.ok_or("no default vault is set; write the whole identifier, https://contoso.vault.azure.net/secrets/name, or set AzureKeyVaultBuilder::vault")?;
            return Self::within(vault.clone(), text.split('/'));
        }
        let url = Url::parse(text)
            .map_err(|_| "the identifier is not a URL; write https://contoso.vault.azure.net/secrets/name")?;
        let path = url.path().strip_prefix("/secrets/");
        let path = path.ok_or("the identifier has no /secrets/ in its path; copy it from the vault: https://contoso.vault.azure.net/secrets/name")?;
        Self::within(vault_at(&url)?, path.split('/'))
    }

    /// Parses the segments `name[/version]` of a secret in `vault`.
    fn within<'a>(vault: Url, mut path: impl Iterator<Item = &'a str>) -> Result<Self, InvalidReference> {
        let name = path.next().unwrap_or_default();
        // An identifier without a version may end with a slash.
        let version = path.next().filter(|version| !version.is_empty());
        if path.next().is_some() || ![Some(name), version].into_iter().flatten().all(is_name) {
            return Err(
                "not the name of a secret; write name or name/version, each 1 to 127 letters, digits and hyphens",
            );
        }
        Ok(Self { vault, name: name.to_owned(), version: version.map(str::to_owned) })
    }
}

/// Returns the URL of the vault: the scheme, host and port of `url`. Returns an error if the
/// scheme is not `https`, or if `url` has a user, query or fragment.
pub(super) fn vault_at(url: &Url) -> Result<Url, InvalidReference> {
    if url.scheme() != "https" {
        return Err("the URL of a vault must begin with https://");
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("the URL must have only a host and a path; remove user, query and fragment");
    }
    url.join("/").map_err(|_| "the URL has no host; write https://contoso.vault.azure.net")
}

/// Returns whether `name` is a valid name or version of a secret: 1 to 127 ASCII letters, digits
/// and hyphens.
fn is_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests;
