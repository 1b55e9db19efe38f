//! Tests of the program `passport-dev` as a child process.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
};

use passport_test_support::{servers::client, tokens::claims_of};
use serde_json::Value;

fn start(arguments: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_passport-dev"))
        .args(["--address", "127.0.0.1:0"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// Returns the printed value of the field `name`.
fn field(lines: &[String], name: &str) -> String {
    let line = lines.iter().find_map(|line| line.trim().strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {lines:#?}")).trim().to_owned()
}

/// Returns the lines that the program prints at its start.
fn startup_lines(output: &mut impl BufRead) -> Vec<String> {
    let lines = output.lines().map(Result::unwrap);
    let mut seen = Vec::new();
    for line in lines {
        // The last line is the second line of the curl command.
        let last = line.trim_start().starts_with("http");
        seen.push(line);
        if last {
            return seen;
        }
    }
    panic!("the program ended early: {seen:#?}")
}

#[tokio::test]
async fn startup_output_is_enough_for_a_token_request() {
    let (mut child, mut output) = start(&["--secret", "s3cret", "--role", "a", "--token-lifetime", "120"]);
    let lines = startup_lines(&mut output);
    let curl = lines[lines.len() - 2..].join("");
    let (client_id, token_url) = (field(&lines, "client id"), field(&lines, "token"));
    assert_eq!(field(&lines, "client secret"), "s3cret");
    assert!(curl.contains(&format!("'{client_id}:s3cret'")) && curl.ends_with(&token_url), "{curl}");

    let client = client();
    let request = client
        .post(token_url)
        .basic_auth(client_id, Some("s3cret"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials&scope=openid%20roles");
    let reply = request.send().await.unwrap().text().await.unwrap();
    let reply: Value = serde_json::from_str(&reply).unwrap();
    assert_eq!((&reply["token_type"], &reply["expires_in"]), (&"Bearer".into(), &120.into()));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
#[cfg(unix)]
fn sigterm_stops_the_program_with_success() {
    let (mut child, mut output) = start(&[]);
    startup_lines(&mut output);
    let signaled = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(signaled.success());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("shutting down\n"), "{rest}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn console_runs_commands_and_rejects_invalid_faults() {
    let (mut child, mut output) = start(&["--console"]);
    startup_lines(&mut output);
    child.stdin.take().unwrap().write_all(b"rotate\nfault token sideways\nstop\n").unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("done\ninvalid fault `sideways`;"), "{rest}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn console_selects_an_identity() {
    let (mut child, mut output) = start(&["--console"]);
    startup_lines(&mut output);
    let lines = b"identity mi-x\nidentity mi-dev-service-clientid\nroles erp.read\nstop\n";
    child.stdin.take().unwrap().write_all(lines).unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("unknown identity `mi-x`\ndone\n"), "{rest}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn non_loopback_address_is_rejected_with_a_remedy() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_passport-dev")).args(["--address", "0.0.0.0:0"]).output().unwrap();
    assert!(!output.status.success());
    let problem = String::from_utf8(output.stderr).unwrap();
    assert!(problem.contains("loopback") && !problem.contains("StartError"), "{problem}");
    assert!(problem.contains("--issuer http://passport:8090"), "{problem}");
}

fn get(url: &str) -> impl Future<Output = Value> + use<> {
    let request = client().get(url);
    async move { serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap() }
}

const FILE: &str = r#"
    [identities.erp-sync]
    secret = "erp-secret"
    roles = ["erp.read"]
    tenant = "tenant-7"

    [identities.payroll]
    secret = "payroll-secret"

    [users.alice]
    roles = ["clerk"]
    permissions = ["invoice.approve"]
"#;

#[tokio::test]
async fn issuer_url_is_used_on_a_non_loopback_address() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("identities.toml");
    std::fs::write(&file, FILE).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_passport-dev"))
        .args(["--address", "0.0.0.0:0", "--issuer", "http://passport:8090/", "--identities"])
        .arg(&file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = startup_lines(&mut BufReader::new(child.stdout.take().unwrap()));
    let port = lines[0].split("0.0.0.0:").nth(1).unwrap().split(';').next().unwrap();
    let base = format!("http://127.0.0.1:{port}");

    let discovery = get(&format!("{base}/.well-known/openid-configuration")).await;
    assert_eq!(discovery["issuer"], "http://passport:8090/");
    assert_eq!(discovery["token_endpoint"], "http://passport:8090/passport/token");
    assert_eq!(field(&lines, "token  "), "http://passport:8090/passport/token");

    let client = client();
    let token = |name: &str, secret: &str| {
        client
            .post(format!("{base}/passport/token"))
            .basic_auth(format!("mi-{name}-clientid"), Some(secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials&scope=openid%20roles")
            .send()
    };
    let reply = token("erp-sync", "erp-secret").await.unwrap().text().await.unwrap();
    let reply: Value = serde_json::from_str(&reply).unwrap();
    let erp = claims_of(reply["access_token"].as_str().unwrap());
    assert_eq!((&erp["iss"], &erp["tenant_id"]), (&"http://passport:8090/".into(), &"tenant-7".into()));
    assert_eq!(erp["roles"], Value::from(vec!["erp.read"]));
    assert_eq!(token("payroll", "payroll-secret").await.unwrap().status(), 200);
    assert_eq!(
        token("dev-service", "x").await.unwrap().status(),
        401,
        "the file replaces the default identity"
    );

    let alice = claims_of(&field(&lines, "token of alice"));
    assert_eq!((&alice["sub"], &alice["roles"]), (&"alice".into(), &Value::from(vec!["clerk"])));
    child.kill().unwrap();
    child.wait().unwrap();
    let mut warning = String::new();
    child.stderr.take().unwrap().read_to_string(&mut warning).unwrap();
    assert!(warning.starts_with("warning: 0.0.0.0:"), "{warning}");
}

#[test]
fn loopback_address_with_issuer_prints_no_warning() {
    let (mut child, mut output) = start(&["--issuer", "http://localhost:8090"]);
    startup_lines(&mut output);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut warning = String::new();
    child.stderr.take().unwrap().read_to_string(&mut warning).unwrap();
    assert_eq!(warning, "");
}
