//! `--check`: validates a configuration and reads its local secrets, without serving.

use crate::harness::Setup;

/// Runs `--check` with `config`, and returns exit code, stdout and stderr.
fn check(setup: &Setup, config: &str, variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let path = setup.path("checked.toml");
    std::fs::write(&path, config).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_passport-sidecar"))
        .args(["--check", "--config", &path])
        .env_remove("VAULT_ADDR")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn check_validates_without_serving() {
    let setup = Setup::new().await;
    let (code, _, stderr) = check(&setup, &setup.config(""), &[("NOWHERE", "s3cret")]);
    assert_eq!(code, Some(0), "{stderr}");
    let (code, _, stderr) = check(&setup, "[identities.erp]\nclient_id = \"mi-1\"", &[]);
    assert!(code == Some(1) && stderr.contains("identities.erp.client_secret_ref"), "{stderr}");
}

#[tokio::test]
async fn check_names_each_secret_that_cannot_be_read() {
    let setup = Setup::new().await;
    let more = "[callers.web]\ntoken_ref = \"file:/no/such/token\"\nidentities = [\"erp\"]\n\
                [identities.blank]\nclient_id = \"mi-2\"\nclient_secret_ref = \"env:BLANK\"\n\
                [identities.quoted]\nclient_id = \"mi-3\"\nclient_secret_ref = \"env:QUOTED\"\n\
                [identities.vault]\nclient_id = \"mi-4\"\nclient_secret_ref = \"hashicorp_vault:payroll#s\"\n";
    let variables =
        [("BLANK", " \n"), ("QUOTED", "'hidden'"), ("VAULT_ADDR", "https://vault.example.com:8200")];
    let (code, stdout, stderr) = check(&setup, &setup.config(more), &variables);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stdout.contains("configuration OK"), "{stdout}");
    assert!(
        stdout.contains("identities.vault.client_secret_ref: `hashicorp_vault:payroll#s` was not read"),
        "{stdout}"
    );
    for line in [
        "identities.payroll.client_secret_ref: the secret behind `env:NOWHERE` could not be read",
        "identities.blank.client_secret_ref: the secret behind `env:BLANK` could not be read: the value",
        "callers.web.token_ref: the secret behind `file:/no/such/token` could not be read",
        "identities.quoted.client_secret_ref: warning: the secret has quotes around it",
    ] {
        assert!(stderr.contains(line), "{line} in {stderr}");
    }
    assert!(!stderr.contains("identities.erp") && !stderr.contains("hidden"), "{stderr}");
}

#[tokio::test]
async fn missing_vault_address_is_named() {
    let setup = Setup::new().await;
    let vault = "[identities.erp]\nclient_id = \"mi-1\"\nclient_secret_ref = \"hashicorp_vault:payroll#s\"";
    let (code, _, stderr) = check(&setup, vault, &[]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(
        stderr.contains("identities.erp.client_secret_ref: ") && stderr.contains("set VAULT_ADDR"),
        "{stderr}"
    );
}

#[tokio::test]
async fn misspelled_table_and_implausible_time_are_named() {
    let setup = Setup::new().await;
    let identity = "client_id = \"mi-1\"\nclient_secret_ref = \"env:NOWHERE\"\nrefresh_threshold = 60000\n";
    let (code, _, stderr) = check(&setup, &format!("[Identities.erp]\n{identity}"), &[]);
    assert!(
        code == Some(1) && stderr.contains("unknown key `Identities`; did you mean `identities`?"),
        "{stderr}"
    );
    let (code, _, stderr) = check(&setup, &format!("[identities.erp]\n{identity}"), &[("NOWHERE", "s3cret")]);
    assert!(code == Some(0) && stderr.contains("if milliseconds were meant, write 60s"), "{stderr}");
}
