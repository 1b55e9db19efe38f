use super::*;

#[test]
fn every_problem_is_reported_together() {
    let builder = AzureKeyVault::builder().vault("contoso").ca_file("/no/such/ca.pem");
    for builder in [builder.clone(), builder.transport(Transport::default())] {
        let error = builder.build().unwrap_err();
        let options: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
        assert_eq!(options, ["vault", "ca_file"]);
    }
}

#[test]
fn invalid_vault_url_is_a_build_error() {
    for vault in ["contoso", "http://contoso.vault.azure.net", "https://contoso.vault.azure.net/secrets/a"] {
        let error = AzureKeyVault::builder().vault(vault).build().unwrap_err();
        assert!(error.to_string().contains("vault: "), "{error}");
    }
    AzureKeyVault::builder().vault("https://contoso.vault.azure.net/").build().unwrap();
}
