//! Common misconfigurations. The first line of each error names the cause and the remedy, and
//! states correctly whether the failure is transient.

use std::{fs, time::Duration};

use passport_config::ManagedIdentityConfig;
use passport_inbound::TokenVerifier;
use passport_outbound::{
    AllowedOrigins, ClientAuthentication, ConfigError, ManagedIdentityHttpClient, SecretSource, TokenError,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// Whether a failure can end without a change of the configuration.
#[derive(Debug, PartialEq, Eq)]
enum Persistence {
    Transient,
    Permanent,
}

/// The message of a failure, and whether it is transient.
type ReportedFailure = (String, Persistence);

const SECRET: &str = "s3cret-of-payroll";

fn of_token(error: &TokenError) -> ReportedFailure {
    (error.to_string(), if error.is_transient() { Transient } else { Permanent })
}

fn of_config<T: std::fmt::Debug>(outcome: Result<T, ConfigError>) -> ReportedFailure {
    (outcome.unwrap_err().to_string(), Permanent)
}

fn plain_builder(secret: SecretSource, issuer: &str) -> ManagedIdentityBuilder {
    let builder = ManagedIdentity::builder("mi-payroll", secret).issuer(issuer);
    builder.client_authentication(ClientAuthentication::ClientSecretBasic)
}

async fn failure_of(builder: ManagedIdentityBuilder) -> ReportedFailure {
    of_token(&builder.build().unwrap().token().await.unwrap_err())
}

/// Returns the failure of an identity if Passport sends `response` to each request.
async fn answered(response: &'static [u8]) -> ReportedFailure {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(response).await;
        }
    });
    failure_of(plain_builder(SecretSource::from_value(SECRET), &issuer)).await
}

/// Returns the failure of an identity that sends `secret` to a Passport that expects [`SECRET`].
async fn with_secret(secret: impl Into<String>) -> ReportedFailure {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").secret(SECRET).create();
    let builder = ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(secret.into()));
    failure_of(builder.issuer(passport.issuer())).await
}

async fn with_source(secret: SecretSource) -> ReportedFailure {
    failure_of(plain_builder(secret, "http://127.0.0.1:9")).await
}

/// Returns the failure of a valid configuration in which `key` is replaced by `value`.
fn configured(key: &str, value: &Value) -> ReportedFailure {
    let mut config = json!({ "client_id": "mi-payroll", "client_secret_ref": "env:PAYROLL_SECRET" });
    config[key] = value.clone();
    let config: ManagedIdentityConfig = serde_json::from_value(config).unwrap();
    of_config(config.http_client())
}

fn http_client(base_url: &str) -> ReportedFailure {
    let identity = plain_builder(SecretSource::from_value(SECRET), "http://127.0.0.1:9").build().unwrap();
    of_config(ManagedIdentityHttpClient::new(identity, base_url))
}

fn ca_file(folder: &TempDir, name: &str, content: &[u8]) -> ReportedFailure {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    of_config(plain_builder(SecretSource::from_value(SECRET), "https://passport.test").ca_file(path).build())
}

fn assert_reported(setups: Vec<(&str, ReportedFailure, Persistence, &[&str])>) {
    for (setup, (text, lasts), expected, parts) in setups {
        assert_eq!(lasts, expected, "{setup}: {text}");
        for part in parts {
            assert!(text.contains(part), "{setup}: {part:?} is missing in: {text}");
        }
        assert!(!text.contains(SECRET), "{setup}: {text}");
    }
}

use Persistence::{Permanent, Transient};

#[tokio::test]
async fn responses_of_other_servers_are_named_with_a_remedy() {
    assert_reported(vec![
        (
            "a firewall",
            answered(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\n<html>").await,
            Permanent,
            &["403", "firewall or proxy", "check its rules"],
        ),
        (
            "a proxy that wants a password",
            answered(b"HTTP/1.1 407 X\r\ncontent-length: 0\r\n\r\n").await,
            Permanent,
            &["407", "the proxy requires authentication", "credentials"],
        ),
        (
            "a sign-in page",
            answered(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>").await,
            Transient,
            &["web page", "check the token URL"],
        ),
        (
            "a redirect to https",
            answered(b"HTTP/1.1 301 X\r\nlocation: https://a/\r\ncontent-length: 0\r\n\r\n").await,
            Permanent,
            &["redirect", "configure the target"],
        ),
        (
            "a proxy that compresses",
            answered(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx").await,
            Permanent,
            &["gzip", "proxy", "Accept-Encoding"],
        ),
        (
            "a proxy in maintenance that compresses",
            answered(b"HTTP/1.1 503 X\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx").await,
            Transient,
            &["503", "the fetch will be retried"],
        ),
        (
            "a wrong secret with status 200",
            answered(b"HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n{\"error\":\"invalid_client\"}").await,
            Permanent,
            &["invalid_client", "check the client id, that the secret is active"],
        ),
        (
            "a byte order mark",
            answered(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n\xef\xbb\xbf{}").await,
            Permanent,
            &["byte order mark", "without it"],
        ),
        (
            "no token type",
            answered(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"access_token\":\"x\"}").await,
            Permanent,
            &["token_type is missing", "Bearer"],
        ),
        (
            "another service",
            answered(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n").await,
            Permanent,
            &["404", "check the token URL"],
        ),
        (
            "a port of SSH",
            answered(b"SSH-2.0-OpenSSH_9\r\n").await,
            Permanent,
            &["not HTTP/1.1", "check the scheme and the port"],
        ),
        (
            "http to a port of TLS",
            answered(b"\x15\x03\x01\0\x02\x02\x46").await,
            Permanent,
            &["not HTTP/1.1", "check the scheme and the port"],
        ),
    ]);
}

#[tokio::test]
async fn unreachable_passports_are_named_with_a_remedy() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let secret = || SecretSource::from_value(SECRET);
    assert_reported(vec![
        (
            "nothing at the port",
            failure_of(plain_builder(secret(), "http://127.0.0.1:9")).await,
            Transient,
            &["connection refused", "check that Passport is up and reachable"],
        ),
        (
            "an unknown host",
            failure_of(plain_builder(secret(), "https://no-such-host.invalid")).await,
            Transient,
            &["host name could not be resolved", "check that Passport is up and reachable"],
        ),
        (
            "a Passport that hangs",
            failure_of(plain_builder(secret(), &silent).request_timeout(Duration::from_millis(200))).await,
            Transient,
            &["Passport is unavailable", "time limit"],
        ),
        (
            "a Passport in maintenance",
            answered(b"HTTP/1.1 503 X\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n").await,
            Transient,
            &["503", "the fetch will be retried"],
        ),
    ]);
}

#[tokio::test]
async fn mistyped_secrets_are_named_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let blank = folder.path().join("blank");
    fs::write(&blank, " \n\t\n").unwrap();
    let invalid = "invalid_client";
    assert_reported(vec![
        (
            "a blank in balancer",
            with_secret(format!(" {SECRET}")).await,
            Permanent,
            &[invalid, "begins with a space"],
        ),
        (
            "a blank behind",
            with_secret(format!("{SECRET} ")).await,
            Permanent,
            &[invalid, "ends with a space"],
        ),
        ("quotes", with_secret(format!("\"{SECRET}\"")).await, Permanent, &[invalid, "has quotes around it"]),
        ("a BOM", with_secret(format!("\u{feff}{SECRET}")).await, Permanent, &[invalid, "byte order mark"]),
        ("a NUL", with_secret(format!("{SECRET}\0")).await, Permanent, &[invalid, "contains a NUL"]),
        (
            "a line of an env file",
            with_secret(format!("PAYROLL_SECRET={SECRET}")).await,
            Permanent,
            &[invalid, "begins with `NAME=`"],
        ),
        (
            "a variable that nothing replaced",
            with_secret("${PAYROLL_SECRET}").await,
            Permanent,
            &[invalid, "not replaced"],
        ),
        ("an old secret", with_secret("another").await, Permanent, &[invalid, "that the secret is active"]),
        (
            "a file of blanks",
            with_source(SecretSource::file(blank.display().to_string())).await,
            Permanent,
            &["contains only whitespace", "store the secret there"],
        ),
        (
            "a file that is not mounted",
            with_source(SecretSource::file("/no/such/secret")).await,
            Permanent,
            &["file:/no/such/secret", "not found"],
        ),
        (
            "a variable that is not set",
            with_source(SecretSource::env("PASSPORT_NO_SUCH_VARIABLE")).await,
            Permanent,
            &["env:PASSPORT_NO_SUCH_VARIABLE", "not set"],
        ),
    ]);
}

#[tokio::test]
async fn wrong_schemes_and_files_are_named_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let secret = || SecretSource::from_value(SECRET);
    let plain_http = "danger_plain_http";
    assert_reported(vec![
        (
            "an issuer over http",
            of_config(plain_builder(secret(), "http://passport:8090").build()),
            Permanent,
            &["issuer", "plain http", plain_http],
        ),
        (
            "an issuer without a scheme",
            of_config(plain_builder(secret(), "passport.bizfirst.ai").build()),
            Permanent,
            &["issuer", "absolute URL"],
        ),
        (
            "an issuer with a password",
            of_config(plain_builder(secret(), "https://user:pw@passport.test").build()),
            Permanent,
            &["issuer", "user information"],
        ),
        (
            "a token URL over http",
            of_config(
                plain_builder(secret(), "https://passport.test").token_url("http://passport/t").build(),
            ),
            Permanent,
            &["token_url", plain_http],
        ),
        ("a service over http", http_client("http://erp:8080"), Permanent, &["base_url", plain_http]),
        ("a service without a scheme", http_client("erp.bizfirst.ai"), Permanent, &["base_url"]),
        (
            "an origin over http",
            of_config(AllowedOrigins::new(["http://erp:8080"])),
            Permanent,
            &["plain http", plain_http],
        ),
        (
            "keys over http",
            of_config(TokenVerifier::builder("api").jwks_url("http://passport:8090/keys").build()),
            Permanent,
            &["jwks_url", plain_http],
        ),
        (
            "keys of an issuer over http",
            of_config(TokenVerifier::builder("api").issuer("http://passport:8090").build()),
            Permanent,
            &["issuer", plain_http],
        ),
        (
            "a base URL over http",
            configured("base_url", &json!("http://erp")),
            Permanent,
            &["base_url", plain_http],
        ),
        (
            "a Passport over http",
            configured("passport_base_url", &json!("http://passport:8090")),
            Permanent,
            &["passport_base_url", plain_http],
        ),
        (
            "a misspelled key",
            configured("pasport_base_url", &json!("https://passport.test")),
            Permanent,
            &["pasport_base_url", "passport_base_url"],
        ),
        (
            "a secret instead of its reference",
            configured("client_secret_ref", &json!(SECRET)),
            Permanent,
            &["client_secret_ref"],
        ),
        (
            "an empty CA file",
            ca_file(&folder, "empty", b""),
            Permanent,
            &["ca_file", "no section BEGIN CERTIFICATE"],
        ),
        (
            "a CA file in DER",
            ca_file(&folder, "der", b"\x30\x82\x01\x0a\x02"),
            Permanent,
            &["ca_file", "openssl x509 -inform der"],
        ),
        (
            "a CA file that is not mounted",
            of_config(plain_builder(secret(), "https://passport.test").ca_file("/no/such/ca.pem").build()),
            Permanent,
            &["ca_file", "/no/such/ca.pem", "No such file"],
        ),
    ]);
}
