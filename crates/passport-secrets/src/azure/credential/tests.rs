use super::*;

#[test]
fn environment_determines_the_credential() {
    for (set, expected) in [
        (&[FEDERATED_TOKEN_FILE, CLIENT_SECRET][..], CredentialKind::Workload),
        (&[CLIENT_SECRET, "IDENTITY_ENDPOINT"], CredentialKind::Secret),
        (&[CLIENT_ID], CredentialKind::Managed),
        (&[], CredentialKind::Managed),
    ] {
        assert_eq!(credential_kind(|name| set.contains(&name)), expected, "{set:?}");
    }
}

fn error_of(variables: &[(&str, &str)]) -> String {
    let set = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let options = http::retrying(&Transport::default(), &LastFailure::default());
    credential(&set, options).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn missing_or_invalid_variable_is_named() {
    let tenant = (TENANT_ID, "72f988bf-86f1-41af-91ab-2d7cd011db47");
    let [client, secret, file] =
        [(CLIENT_ID, "app"), (CLIENT_SECRET, "s3cret"), (FEDERATED_TOKEN_FILE, "/no/such/token")];
    let authority = |host| (AUTHORITY_HOST, host);
    for (variables, expected) in [
        (&[secret, client][..], "AZURE_TENANT_ID is not set, but AZURE_CLIENT_SECRET is"),
        (&[secret, tenant], "AZURE_CLIENT_ID is not set, but AZURE_CLIENT_SECRET is"),
        (&[file, client], "AZURE_TENANT_ID is not set, but AZURE_FEDERATED_TOKEN_FILE is"),
        (
            &[secret, tenant, client, authority("login.microsoftonline.us")],
            "AZURE_AUTHORITY_HOST has no scheme",
        ),
        (&[secret, tenant, client, authority("localhost:8080")], "AZURE_AUTHORITY_HOST has no scheme"),
        (
            &[file, tenant, client, authority("http://login.example")],
            "AZURE_AUTHORITY_HOST is not an https URL",
        ),
        (&[file, tenant, client, authority("https://")], "AZURE_AUTHORITY_HOST is not a URL"),
    ] {
        let error = error_of(variables);
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(error_of(&[secret, tenant, client, authority("https://login.microsoftonline.us")]), "");
    assert_eq!(error_of(&[file, tenant, client]), "", "the file can be mounted later");
}
