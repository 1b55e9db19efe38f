use super::*;

fn parsed(reference: &str, vault: Option<&str>) -> Result<[String; 3], InvalidReference> {
    let vault = vault.map(|url| Url::parse(url).unwrap());
    Identifier::parse(reference, vault.as_ref())
        .map(|parsed| [parsed.vault.to_string(), parsed.name, parsed.version.unwrap_or_default()])
}

#[test]
fn reference_is_an_identifier_or_a_name_in_the_vault() {
    let contoso = "https://contoso.vault.azure.net/";
    for (reference, vault, name, version) in [
        ("https://contoso.vault.azure.net/secrets/payroll", None, "payroll", ""),
        ("https://contoso.vault.azure.net/secrets/payroll/", None, "payroll", ""),
        ("https://contoso.vault.azure.net/secrets/payroll/0a1b", None, "payroll", "0a1b"),
        ("https://contoso.vault.azure.net:443/secrets/payroll", Some("https://other/"), "payroll", ""),
        ("payroll", Some(contoso), "payroll", ""),
        ("payroll/0a1b", Some(contoso), "payroll", "0a1b"),
    ] {
        assert_eq!(parsed(reference, vault), Ok([contoso, name, version].map(str::to_owned)), "{reference}");
    }
}

#[test]
fn reference_that_names_no_secret_is_rejected() {
    for reference in [
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
        assert!(parsed(reference, Some("https://contoso.vault.azure.net/")).is_err(), "{reference}");
    }
    assert!(parsed("payroll", None).unwrap_err().contains("no default vault is set"));
}
