//! Which secret of which vault is meant. Pure.

use url::Url;

/// Why a text names no secret of a vault. It is not quoted: people paste the secret itself where its name belongs.
pub(super) type Wrong = &'static str;

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
    pub(super) fn parse(place: &str, vault: Option<&Url>) -> Result<Self, Wrong> {
        if !place.contains("://") {
            let vault = vault.ok_or("no vault is known; give AzureKeyVaultBuilder::vault one, or write the whole identifier: https://contoso.vault.azure.net/secrets/name")?;
            return Self::within(vault.clone(), place.split('/'));
        }
        let url = Url::parse(place).map_err(|_| "its identifier is not a URL")?;
        let path = url.path().strip_prefix("/secrets/");
        let path = path.ok_or("its identifier has no /secrets/ in it; copy it from the vault: https://contoso.vault.azure.net/secrets/name")?;
        Self::within(vault_at(&url)?, path.split('/'))
    }

    fn within<'a>(vault: Url, mut path: impl Iterator<Item = &'a str>) -> Result<Self, Wrong> {
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
pub(super) fn vault_at(url: &Url) -> Result<Url, Wrong> {
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
mod tests {
    use super::*;

    fn parsed(place: &str, vault: Option<&str>) -> Result<[String; 3], Wrong> {
        let vault = vault.map(|url| Url::parse(url).unwrap());
        Identifier::parse(place, vault.as_ref())
            .map(|found| [found.vault.to_string(), found.name, found.version.unwrap_or_default()])
    }

    #[test]
    fn a_secret_is_named_by_its_identifier_or_within_a_vault() {
        let contoso = "https://contoso.vault.azure.net/";
        for (place, vault, name, version) in [
            ("https://contoso.vault.azure.net/secrets/payroll", None, "payroll", ""),
            ("https://contoso.vault.azure.net/secrets/payroll/", None, "payroll", ""),
            ("https://contoso.vault.azure.net/secrets/payroll/0a1b", None, "payroll", "0a1b"),
            ("https://contoso.vault.azure.net:443/secrets/payroll", Some("https://other/"), "payroll", ""),
            ("payroll", Some(contoso), "payroll", ""),
            ("payroll/0a1b", Some(contoso), "payroll", "0a1b"),
        ] {
            assert_eq!(parsed(place, vault), Ok([contoso, name, version].map(str::to_owned)), "{place}");
        }
    }

    #[test]
    fn what_names_no_secret_is_refused_before_anybody_is_asked() {
        for place in [
            "http://contoso.vault.azure.net/secrets/payroll",
            "https://contoso.vault.azure.net/keys/payroll",
            "https://contoso.vault.azure.net/secrets/",
            "https://contoso.vault.azure.net/secrets/a/b/c",
            "https://contoso.vault.azure.net/secrets/../keys/a",
            "https://contoso.vault.azure.net/secrets/a%2fb",
            "https://contoso.vault.azure.net/secrets/a?api-version=1",
            "https://user@contoso.vault.azure.net/secrets/a",
            "https://[/secrets/a",
            "",
            "..",
            "a b",
            "a/../b",
        ] {
            assert!(parsed(place, Some("https://contoso.vault.azure.net/")).is_err(), "{place}");
        }
        assert!(parsed("payroll", None).unwrap_err().contains("no vault is known"));
    }
}
