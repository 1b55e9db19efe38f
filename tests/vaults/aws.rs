//! AWS Secrets Manager: Amazon's Rust client in a child process, against moto, which verifies
//! signatures and policies as AWS does.

use std::{net::TcpListener, process::Stdio};

use passport_test_support::{
    processes::{eventually, free_port},
    servers::client,
};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::{process::Child, time::Instant};

use crate::{python, reader_process::ReaderProcess};

struct Moto {
    endpoint: String,
    /// The resources of the operator: users, and the ARN of a secret in another region.
    made: Value,
    _server: Child,
}

impl Moto {
    /// Returns `None` if moto is not installed.
    async fn start() -> Option<Self> {
        let log = NamedTempFile::new().unwrap();
        let port = free_port();
        let mut server = python::program("moto_server")?
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            // Requests need no authentication until the operator has created the users.
            .env("INITIAL_NO_AUTH_ACTION_COUNT", "1000000")
            .stdout(Stdio::null())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        let endpoint = format!("http://127.0.0.1:{port}");
        let http = client();
        eventually(async || {
            let log = || std::fs::read_to_string(log.path()).unwrap();
            assert!(server.try_wait().unwrap().is_none(), "moto does not start: {}", log());
            let page = http.get(format!("{endpoint}/moto-api/")).send().await;
            let serves = page.is_ok_and(|page| page.status() == 200);
            serves.then_some(()).ok_or_else(|| format!("moto does not start: {}", log()))
        })
        .await;
        let made = operator(&endpoint, &["setup"]).await;
        Some(Self { endpoint, made, _server: server })
    }

    fn key(&self, user: &str) -> [&str; 2] {
        ["id", "secret"].map(|key| self.made[user][key].as_str().unwrap())
    }

    /// Starts a service with the credentials of `user`.
    fn reader(&self, user: &str) -> ReaderProcess {
        let [id, secret] = self.key(user);
        self.reader_with(&[("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)])
    }

    fn reader_with(&self, who: &[(&str, &str)]) -> ReaderProcess {
        let mut environment = vec![
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ENDPOINT_URL", &*self.endpoint),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            // Unused: requests to this machine bypass the proxy.
            ("HTTP_PROXY", "http://127.0.0.1:9"),
        ];
        environment.extend(who);
        ReaderProcess::start("aws", &environment)
    }
}

async fn operator(endpoint: &str, what: &[&str]) -> Value {
    let mut python = python::program("python").unwrap();
    let done = python.arg(python::script("aws.py")).arg(endpoint).args(what).output().await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

#[tokio::test]
async fn secrets_are_read_whole_by_json_key_and_by_arn() {
    let Some(aws) = Moto::start().await else { return };
    let mut reader = aws.reader("reader");
    assert_eq!(reader.secret("payroll").await, "a-secret-of-payroll");
    assert_eq!(reader.secret("team/erp#client_secret").await, "of-erp");
    assert_eq!(reader.secret(aws.made["arn"].as_str().unwrap()).await, "of-ireland");

    let [id, secret] = aws.key("operator");
    let version = operator(&aws.endpoint, &["put", "payroll", "another-secret-of-payroll", id, secret]).await;
    let read = reader.read("payroll").await;
    assert_eq!((&read["secret"], &read["version"]), (&"another-secret-of-payroll".into(), &version));

    for (place, kind, told) in [
        ("missing", "NotFound", "ResourceNotFoundException"),
        ("gone", "Disabled", "InvalidRequestException"),
        ("binary", "Unreadable", "binary"),
        ("payroll#client_secret", "Unreadable", "not a JSON object"),
        ("team/erp#missing", "Unreadable", "no such key"),
        ("team/erp#number", "Unreadable", "not a string"),
        ("arn:aws:iam::123456789012:role/x", "Unreadable", "not of a secret"),
    ] {
        let (seen, text) = reader.error(place).await;
        assert!(seen == kind && text.contains(told), "{place}: {seen} {text}");
    }
    let log = reader.log().await;
    assert!(log.contains("aws_smithy_runtime"), "the log includes the client libraries");
    for hidden in ["a-secret-of-payroll", "another-secret-of-payroll", "of-erp", aws.key("reader")[1]] {
        assert!(!log.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn invalid_signature_is_unauthenticated() {
    let Some(aws) = Moto::start().await else { return };
    let [id, secret] = aws.key("reader");
    assert_eq!(aws.reader("reader").secret("payroll").await, "a-secret-of-payroll");
    for (id, secret) in [(id, "wrong-and-hidden"), ("AKIAUNKNOWNUNKNOWN00", secret), ("", "")] {
        let who = [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)];
        let (kind, text) = aws.reader_with(&who).error("payroll").await;
        assert!(kind == "Unauthenticated" && !text.contains("hidden"), "{id}: {kind} {text}");
    }
}

const ALONE: [(&str, &str); 4] = [
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    ("AWS_ACCESS_KEY_ID", "id"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

#[tokio::test]
async fn unreachable_secrets_manager_is_unavailable() {
    let environment = [&[("AWS_REGION", "eu-central-1")][..], &ALONE].concat();
    let (kind, text) = ReaderProcess::start("aws", &environment).error("payroll").await;
    assert!(kind == "Unavailable" && text.contains("no connection"), "{kind} {text}");
}

#[tokio::test]
async fn missing_region_names_what_to_set() {
    let (kind, text) = ReaderProcess::start("aws", &ALONE).error("payroll").await;
    assert!(kind == "Unreadable" && text.contains("AWS_REGION"), "{kind} {text}");
}

/// Credentials that were missing are looked up again.
#[tokio::test]
async fn credentials_mounted_later_are_used() {
    let Some(aws) = Moto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let mut reader = aws.reader_with(&[("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap())]);
    assert_eq!(reader.error("payroll").await.0, "Unauthenticated");
    let [id, secret] = aws.key("reader");
    let profile = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    std::fs::write(&file, profile).unwrap();
    assert_eq!(reader.secret("payroll").await, "a-secret-of-payroll");
}

/// A server that accepts connections and never responds.
#[tokio::test]
async fn silent_token_service_is_named_within_the_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let token = NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "token-of-the-pod").unwrap();
    let mut reader = ReaderProcess::start(
        "aws",
        &[
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/payroll"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token.path().to_str().unwrap()),
            ("HTTP_PROXY", "http://127.0.0.1:9"),
        ],
    );
    let start = Instant::now();
    let (kind, text) = reader.error("payroll").await;
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    assert!(kind == "Unavailable" && text.contains("127.0.0.1: no complete response"), "{kind} {text}");
}
