use super::*;

fn parsed(place: &str, vault: Option<&str>) -> Result<[String; 3], InvalidReference> {
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
fn reference_without_a_secret_is_rejected_before_any_request() {
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
