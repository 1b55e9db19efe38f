//! HashiCorp Vault: the client of this workspace against the stand-in, over TLS. hvac checks the
//! stand-in.

use std::net::SocketAddr;

use passport_core::{
    ReqwestHttpClient, ResolvedSecret, SecretError, SecretErrorKind, SecretSource, Transport,
};
use passport_secrets::{HashiCorpVault, HashiCorpVaultBuilder, KvVersion, VaultAuth};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::{
    python,
    vault_server::{HOST, POD, ROLE_ID, SECRET_ID, VaultServer},
};

pub(crate) fn builder(server: &VaultServer, auth: VaultAuth) -> HashiCorpVaultBuilder {
    let ca = server.ca_pem.clone();
    let transport = ReqwestHttpClient::configured(move |settings| {
        let root = reqwest::Certificate::from_pem(ca.as_bytes()).unwrap();
        settings.tls_certs_only([root]).resolve(HOST, SocketAddr::from(([127, 0, 0, 1], 0)))
    });
    HashiCorpVault::builder(server.url(), auth).transport(Transport::new(transport))
}

pub(crate) fn app_role() -> VaultAuth {
    VaultAuth::app_role(ROLE_ID, SecretSource::from_value(SECRET_ID))
}

async fn read(vault: &HashiCorpVault, place: &str) -> Result<ResolvedSecret, SecretError> {
    SecretSource::new(vault.clone(), format!("vault:{place}").parse().unwrap()).resolve().await
}

async fn secret(vault: &HashiCorpVault, place: &str) -> String {
    read(vault, place).await.unwrap().secret().expose().to_owned()
}

#[tokio::test]
async fn secrets_of_both_kv_versions_are_read() {
    let server = VaultServer::start().await;
    server.put("team/payroll", &json!({ "client_id": "mi-1", "client_secret": "one" }));
    server.put("team/payroll", &json!({ "client_id": "mi-1", "client_secret": "two" }));
    server.put_plain("payroll", &json!({ "client_secret": "three" }));
    let vault = builder(&server, app_role()).build().unwrap();
    let read = read(&vault, "team/payroll#client_secret").await.unwrap();
    assert_eq!((read.secret().expose(), read.version(), read.expires_at()), ("two", "2", None));
    let plain = builder(&server, app_role()).mount("plain").kv_version(KvVersion::V1).build().unwrap();
    assert_eq!(secret(&plain, "payroll").await, "three");
    assert_eq!(server.logins(), 2);
}

/// `vault kv put f=@file` stores the final line break of a file that an editor has written.
#[tokio::test]
async fn trailing_line_break_of_a_secret_is_ignored() {
    let server = VaultServer::start().await;
    server.put("payroll", &json!({ "client_secret": "one\n" }));
    let vault = builder(&server, app_role()).build().unwrap();
    assert_eq!(secret(&vault, "payroll").await, "one");
}

#[tokio::test]
async fn private_ca_is_read_from_a_file() {
    let server = VaultServer::start().await;
    server.put("payroll", &json!({ "client_secret": "one" }));
    let ca_file = NamedTempFile::new().unwrap();
    std::fs::write(ca_file.path(), &server.ca_pem).unwrap();
    let builder = || HashiCorpVault::builder(server.url().replace(HOST, "localhost"), app_role());
    let trusting = builder().ca_file(ca_file.path()).build().unwrap();
    assert_eq!(secret(&trusting, "payroll").await, "one");
    read(&builder().build().unwrap(), "payroll").await.unwrap_err();
}

#[tokio::test]
async fn app_role_kubernetes_and_token_logins_work() {
    let server = VaultServer::start().await;
    server.put("payroll", &json!({ "client_secret": "one" }));
    let (pod, sink) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
    let source = |file: &NamedTempFile| SecretSource::file(file.path().to_str().unwrap());
    std::fs::write(pod.path(), POD).unwrap();
    std::fs::write(sink.path(), server.grant()).unwrap();
    let kubernetes = VaultAuth::kubernetes("payroll").service_account_token(source(&pod));
    for auth in [app_role(), kubernetes, VaultAuth::token(source(&sink))] {
        let vault = builder(&server, auth).build().unwrap();
        assert_eq!(secret(&vault, "payroll").await, "one");
    }
    assert!(server.seen("x-vault-request").iter().all(|marked| marked == "true"));
}

/// Vault Agent writes a new token into its sink when the last one expires.
#[tokio::test]
async fn replaced_token_file_is_read_after_a_rejection() {
    let server = VaultServer::start().await;
    server.put("payroll", &json!({ "client_secret": "one" }));
    let sink = NamedTempFile::new().unwrap();
    std::fs::write(sink.path(), server.grant()).unwrap();
    let auth = VaultAuth::token(SecretSource::file(sink.path().to_str().unwrap()));
    let vault = builder(&server, auth).build().unwrap();
    assert_eq!(secret(&vault, "payroll").await, "one");
    server.revoke_tokens();
    let error = read(&vault, "payroll").await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Unauthenticated, "{error}");
    let new = server.grant();
    std::fs::write(sink.path(), &new).unwrap();
    assert_eq!(secret(&vault, "payroll").await, "one");
    assert_eq!(server.seen("x-vault-token").last(), Some(&new));
}

#[tokio::test]
async fn revoked_token_is_replaced() {
    let server = VaultServer::start().await;
    server.put("payroll", &json!({ "client_secret": "one" }));
    let vault = builder(&server, app_role()).build().unwrap();
    secret(&vault, "payroll").await;
    server.revoke_tokens();
    assert_eq!(secret(&vault, "payroll").await, "one");
    assert_eq!(server.logins(), 2);
}

#[tokio::test]
async fn errors_of_vault_are_reported_with_kind_and_message() {
    let server = VaultServer::start().await;
    server.put("payroll", &json!({ "client_secret": "one" }));
    let vault = builder(&server, app_role()).build().unwrap();
    secret(&vault, "payroll").await;
    for (fault, kind) in [
        (429, SecretErrorKind::Throttled),
        (472, SecretErrorKind::Unavailable),
        (500, SecretErrorKind::Unavailable),
        (503, SecretErrorKind::Unavailable),
    ] {
        server.fails(Some(fault));
        let error = read(&vault, "payroll").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.retry_after().is_some(), fault == 429);
    }
    server.fails(None);
    server.let_read(false);
    let error = read(&vault, "payroll").await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Forbidden, "{error}");
    server.let_read(true);
    server.delete("payroll");
    for place in ["payroll", "missing"] {
        let error = read(&vault, place).await.unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::NotFound, "{error}");
    }
}

#[tokio::test]
async fn invalid_credentials_are_unauthenticated() {
    let server = VaultServer::start().await;
    let wrong = || SecretSource::from_value("wrong-and-hidden");
    for auth in [
        VaultAuth::app_role(ROLE_ID, wrong()),
        VaultAuth::kubernetes("payroll").service_account_token(wrong()),
        VaultAuth::token(wrong()),
        VaultAuth::agent(),
    ] {
        let error = read(&builder(&server, auth).build().unwrap(), "payroll").await.unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::Unauthenticated);
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }
}

#[tokio::test]
async fn mounts_of_auth_methods_and_namespaces_are_used() {
    let server = VaultServer::start().await;
    server.put("payroll", &json!({ "client_secret": "one" }));
    server.mount("approle-eu", "approle");
    server.is_in("team");
    let vault = builder(&server, app_role().mount("approle-eu")).namespace("team").build().unwrap();
    assert_eq!(secret(&vault, "payroll").await, "one");
    for elsewhere in
        [builder(&server, app_role().mount("approle-us")).namespace("team"), builder(&server, app_role())]
    {
        let error = read(&elsewhere.build().unwrap(), "payroll").await.unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::Unauthenticated, "{error}");
    }
}

#[tokio::test]
async fn wrong_kv_version_is_named_and_is_not_definitive() {
    let server = VaultServer::start().await;
    server.put("payroll", &json!({ "client_secret": "one" }));
    let vault = builder(&server, app_role()).kv_version(KvVersion::V1).build().unwrap();
    let error = read(&vault, "payroll").await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Unreadable);
    assert!(error.to_string().contains("Invalid path for a versioned"), "{error}");
}

#[tokio::test]
async fn stand_in_satisfies_hvac() {
    let server = VaultServer::start().await;
    server.put_plain("judged", &json!({ "client_secret": "plain" }));
    let ca = NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), &server.ca_pem).unwrap();
    let port = server.address.port().to_string();
    let said = python::run("vault.py", &[&port, HOST, ROLE_ID, SECRET_ID, POD], ca.path()).await;
    assert!(said.is_none_or(|said| said == "content"));
}
