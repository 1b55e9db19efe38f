use super::*;

#[test]
fn every_mistake_is_reported() {
    let builder = AzureKeyVault::builder().vault("contoso").ca_file("/no/such/ca.pem");
    for builder in [builder.clone(), builder.transport(Transport::default())] {
        let error = builder.build().unwrap_err();
        let options: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
        assert_eq!(options, ["vault", "ca_file"]);
    }
}

#[test]
fn what_is_no_vault_is_told_when_it_is_built() {
    for vault in ["contoso", "http://contoso.vault.azure.net", "https://contoso.vault.azure.net/secrets/a"] {
        let error = AzureKeyVault::builder().vault(vault).build().unwrap_err();
        assert!(error.to_string().contains("vault: "), "{error}");
    }
    AzureKeyVault::builder().vault("https://contoso.vault.azure.net/").build().unwrap();
}
