//! Which secret of which vault is meant. Pure.

use url::Url;

/// Why a text names no secret of a vault. It is not quoted: people paste the secret itself where its name belongs.
pub(super) type InvalidReference = &'static str;

/// A secret of a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identifier {
    /// `https://host[:port]/`
    pub(super) vault: Url,
    pub(super) name: String,
    /// None is the one that is current.
    pub(super) version: Option<String>,
}

impl Identifier {
    /// A whole identifier (`https://contoso.vault.azure.net/secrets/payroll`), or `name[/version]` in `vault`.
    pub(super) fn parse(text: &str, vault: Option<&Url>) -> Result<Self, InvalidReference> {
        if !text.contains("://") {
            let vault = vault.ok_or("no vault is known; give AzureKeyVaultBuilder::vault one, or write the whole identifier: https://contoso.vault.azure.net/secrets/name")?;
            return Self::within(vault.clone(), text.split('/'));
        }
        let url = Url::parse(text).map_err(|_| "its identifier is not a URL")?;
        let path = url.path().strip_prefix("/secrets/");
        let path = path.ok_or("its identifier has no /secrets/ in it; copy it from the vault: https://contoso.vault.azure.net/secrets/name")?;
        Self::within(vault_at(&url)?, path.split('/'))
    }

    fn within<'a>(vault: Url, mut path: impl Iterator<Item = &'a str>) -> Result<Self, InvalidReference> {
        let name = path.next().unwrap_or_default();
        // The identifier of the current one may end with a slash.
        let version = path.next().filter(|version| !version.is_empty());
        if path.next().is_some() || ![Some(name), version].into_iter().flatten().all(is_name) {
            return Err(
                "it names no secret: a name, and a version, are of 1 to 127 letters, digits and hyphens (name or name/version)",
            );
        }
        Ok(Self { vault, name: name.to_owned(), version: version.map(str::to_owned) })
    }
}

/// The vault of `url`: its scheme, host and port.
pub(super) fn vault_at(url: &Url) -> Result<Url, InvalidReference> {
    if url.scheme() != "https" {
        return Err("a vault is asked over https only");
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("its URL has more than a host and a path");
    }
    url.join("/").map_err(|_| "its URL names no host")
}

fn is_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests;
