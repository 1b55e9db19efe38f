use passport_core::SecretSource;

use super::*;

#[test]
fn every_problem_is_reported_together() {
    let auth = VaultAuth::app_role("payroll", SecretSource::from_value("hidden")).mount("/approle");
    let error = HashiCorpVault::builder("http://vault.example.com:8200", auth)
        .mount("../sys")
        .namespace("a\nb")
        .build()
        .unwrap_err();
    let options: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
    assert_eq!(options, ["address", "namespace", "mount", "auth"]);
    assert!(!format!("{error:?}{error}").contains("hidden"));
}

#[test]
fn plain_http_needs_its_opt_in() {
    let builder = || HashiCorpVault::builder("http://vault:8200", VaultAuth::agent());
    builder().danger_plain_http().build().unwrap();
    let message = builder().build().unwrap_err().to_string();
    assert!(message.contains("danger_plain_http"), "{message}");
    let renamed = builder().plain_http_option("VAULT_PLAIN").build().unwrap_err().to_string();
    assert!(renamed.contains("set VAULT_PLAIN in"), "{renamed}");
}

#[test]
fn ca_file_is_read_and_contradicts_a_transport() {
    let builder = || HashiCorpVault::builder("vault", VaultAuth::agent()).ca_file("/no/such/ca.pem");
    for builder in [builder(), builder().transport(Transport::default())] {
        let error = builder.build().unwrap_err();
        let options: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
        assert_eq!(options, ["address", "ca_file"]);
    }
}

#[test]
fn vault_address_must_be_https_or_loopback() {
    for (address, is_valid) in [
        ("https://vault.example.com:8200", true),
        ("https://vault.example.com/", true),
        ("http://127.0.0.1:8100", true),
        ("http://vault:8200", false),
        ("https://user@vault.example.com", false),
        ("https://vault.example.com/v1/", false),
        ("vault.example.com:8200", false),
    ] {
        assert_eq!(
            HashiCorpVault::builder(address, VaultAuth::agent()).build().is_ok(),
            is_valid,
            "{address}"
        );
    }
}
