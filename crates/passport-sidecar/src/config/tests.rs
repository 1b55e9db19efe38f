use passport_config::ConfigRegistry;
use passport_core::{ResolvedSecret, SecretError, SecretProvider, SecretProviders, SecretRef};

use super::*;

#[test]
fn unknown_key_is_rejected() {
    let source = File::from_str("[listen]\nport = 1", config::FileFormat::Toml);
    let read = Config::builder().add_source(source).build().unwrap().try_deserialize::<SidecarConfig>();
    assert!(read.unwrap_err().to_string().contains("port"));
}

#[test]
fn variables_of_a_kubernetes_service_are_not_read() {
    let variables = [
        ("PASSPORT_SIDECAR_SERVICE_HOST", "10.96.12.7"),
        ("PASSPORT_SIDECAR_SERVICE_PORT", "7070"),
        ("PASSPORT_SIDECAR_SERVICE_PORT_HTTP", "7070"),
        ("PASSPORT_SIDECAR_PORT", "tcp://10.96.12.7:7070"),
        ("PASSPORT_SIDECAR_PORT_7070_TCP", "tcp://10.96.12.7:7070"),
        ("PASSPORT_SIDECAR_PORT_7070_TCP_ADDR", "10.96.12.7"),
        ("PASSPORT_SIDECAR__LISTEN__ADMIN", "127.0.0.1:7071"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let built = Config::builder().add_source(environment().source(Some(variables))).build().unwrap();
    assert!(SidecarConfig::deserialize(built).unwrap().has_admin());
}

#[test]
fn misspelled_table_is_named_in_the_environment_too() {
    let variable = ("PASSPORT_SIDECAR__IDENTITY__ERP__CLIENT_ID".to_owned(), "mi-1".to_owned());
    let environment = environment().source(Some([variable].into()));
    let built = Config::builder().add_source(environment).build().unwrap();
    let message = SidecarConfig::deserialize(built).unwrap_err().to_string();
    assert!(message.contains("unknown key `identity`; did you mean `identities`?"), "{message}");
}

#[test]
fn debug_of_a_read_error_is_its_message() {
    let error = SidecarConfig::from_toml("[listen]\nport = 1").unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
    assert!(error.to_string().starts_with("the configuration cannot be read: "), "{error}");
}

/// A vault that fails the test if it is contacted.
#[derive(Debug)]
struct UncontactedVault;

impl SecretProvider for UncontactedVault {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        panic!("{reference} was read")
    }
}

#[tokio::test]
async fn check_reads_local_references_and_no_vault() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret").unwrap();
    let (good, missing) = (format!("file:{}", file.path().display()), "file:/no/such/secret");
    let secrets = SecretProviders::default().with("vault", UncontactedVault);
    let registry = ConfigRegistry::default().with_secrets(secrets);
    for (references, expected) in [
        (vec![missing, "vault:x"], vec!["fallback", "skipped"]),
        (vec!["vault:x", missing], vec!["skipped", "fallback"]),
        (vec!["vault:x", &good], vec!["skipped", "read"]),
        (vec![missing, &good], vec!["fallback", "read"]),
        (vec![missing, "file:/no/such/other"], vec!["unreadable", "unreadable"]),
        (vec![missing], vec!["unreadable"]),
    ] {
        let text = format!("[identities.erp]\nclient_id = \"mi-1\"\nclient_secret_ref = {references:?}\n");
        let checked = SidecarConfig::from_toml(&text).unwrap().check_secrets(&registry).await;
        let outcomes = checked.iter().map(|secret| match secret.outcome {
            SecretCheck::Read { .. } => "read",
            SecretCheck::Skipped(_) => "skipped",
            SecretCheck::FallbackAvailable(_) => "fallback",
            SecretCheck::Unreadable(_) => "unreadable",
        });
        assert_eq!(outcomes.collect::<Vec<_>>(), expected, "{references:?}");
    }
}
