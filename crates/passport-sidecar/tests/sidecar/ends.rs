//! How it ends, and what comes after it.

use std::{process::Stdio, time::Duration};

use futures_util::future::join_all;
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::signal::Signal,
    unistd::Pid,
};
use passport_dev::{Endpoint, Fault};
use passport_outbound::{ManagedIdentity, SecretSource};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    task::JoinHandle,
};

use crate::scene::{Scene, Sidecar, eventually};

/// So many requests, on their way: half for a token, half to be passed on.
fn asked(sidecar: &Sidecar, number: usize) -> Vec<JoinHandle<reqwest::Result<reqwest::Response>>> {
    let client = sidecar.unix();
    let paths = ["/v1/token?identity=erp", "/to/api/orders"].into_iter().cycle().take(number);
    paths.map(|path| tokio::spawn(client.get(format!("http://localhost{path}")).send())).collect()
}

/// And others come on and on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn when_it_is_told_to_end_requests_that_are_on_their_way_are_answered() {
    let scene = Scene::new().await;
    scene.passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(3)));
    let sidecar = scene.sidecar().await;
    let asked = asked(&sidecar, 50);
    sidecar.has("passport_sidecar_connections{door=\"unix\"} 50").await;
    let others = tokio::spawn(sidecar.shut());
    sidecar.signal(Signal::SIGTERM);
    for answer in join_all(asked).await {
        let response = answer.unwrap().unwrap();
        assert_eq!(response.status(), 200);
    }
    others.await.expect("the door is shut");
    let socket = sidecar.socket.clone();
    let log = sidecar.ended().await;
    assert!(log.contains("the sidecar ends") && !socket.exists());
}

#[tokio::test]
async fn on_one_processor_one_thread_serves_and_it_ends_all_the_same() {
    // Whoever is started from here has no more, either.
    let (own, mut one) = (Pid::from_raw(0), CpuSet::new());
    let usable = sched_getaffinity(own).unwrap();
    one.set((0..CpuSet::count()).find(|number| usable.is_set(*number).unwrap()).unwrap()).unwrap();
    sched_setaffinity(own, &one).unwrap();
    let scene = Scene::new().await;
    scene.passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(1)));
    let sidecar = scene.sidecar().await;
    let asked = asked(&sidecar, 10);
    sidecar.has("passport_sidecar_connections{door=\"unix\"} 10").await;
    sidecar.signal(Signal::SIGTERM);
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap().unwrap().status(), 200);
    }
    let log = sidecar.ended().await;
    assert!(log.contains("one thread serves") && log.contains("the sidecar ends"), "{log}");
}

/// Those who keep their connection and ask all the time find no connection any more, and nothing worse.
#[tokio::test(flavor = "multi_thread")]
async fn when_it_is_told_to_end_who_asks_on_and_on_loses_no_request() {
    let scene = Scene::new().await;
    let sidecar = scene.sidecar().await;
    let clients = (0..6).map(|number| {
        let (client, path) = (sidecar.unix(), ["/v1/token?identity=erp", "/to/api/orders"][number % 2]);
        tokio::spawn(async move {
            for answered in 0.. {
                match client.get(format!("http://localhost{path}")).send().await {
                    Ok(response) => assert_eq!(response.status(), 200),
                    Err(error) if error.is_connect() => return answered,
                    Err(error) => panic!("after {answered}: {error:?}"),
                }
            }
            0
        })
    });
    let clients: Vec<_> = clients.collect();
    sidecar.has("passport_sidecar_connections{door=\"unix\"} 6").await;
    sidecar.signal(Signal::SIGHUP);
    sidecar.signal(Signal::SIGTERM);
    for answered in join_all(clients).await {
        assert!(answered.unwrap() > 0);
    }
    assert!(sidecar.ended().await.contains("SIGHUP is ignored"));
}

/// Operators see it until the end, and that it is one.
#[tokio::test(flavor = "multi_thread")]
async fn while_it_ends_it_lives_and_is_not_ready() {
    let scene = Scene::new().await;
    scene.passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(6)));
    let sidecar = scene.sidecar().await;
    let asked = tokio::spawn(sidecar.unix().get("http://localhost/v1/token?identity=erp").send());
    sidecar.has("passport_sidecar_connections{door=\"unix\"} 1").await;
    assert!(sidecar.admin("/readyz").await.unwrap().1.contains("\"ends\":false"));
    sidecar.signal(Signal::SIGTERM);
    eventually(async || (!sidecar.socket.exists()).then_some(()).ok_or("the socket is there".to_owned()))
        .await;
    assert_eq!(sidecar.admin("/livez").await.unwrap().0, 200);
    assert!(sidecar.admin("/readyz").await.unwrap().1.contains("\"ends\":true"));
    let shut = tokio::time::timeout(Duration::from_secs(4), sidecar.shut()).await;
    shut.expect("the door is shut long before the end");
    assert!(!asked.is_finished(), "it is still on its way");
    assert_eq!(asked.await.unwrap().unwrap().status(), 200);
    sidecar.ended().await;
}

#[tokio::test]
async fn who_reads_its_log_may_go_away() {
    let scene = Scene::new().await;
    let mut sidecar = scene.start_logging_to(&scene.config(""), Stdio::piped());
    let mut log = BufReader::new(sidecar.process.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("the sidecar serves") {
        line.clear();
        assert!(log.read_line(&mut line).await.unwrap() > 0, "it does not start");
    }
    drop(log);
    for _ in 0..3 {
        let asked = sidecar.unix().get("http://localhost/v1/token?identity=erp").send().await;
        assert_eq!(asked.unwrap().status(), 200);
    }
    sidecar.signal(Signal::SIGTERM);
    assert!(sidecar.process.wait().await.unwrap().success());
}

#[tokio::test]
async fn after_a_kill_another_one_takes_its_place_and_clients_go_on_within_a_second() {
    let scene = Scene::new().await;
    let mut sidecar = scene.sidecar().await;
    let at = passport_outbound::Sidecar::at(&format!("unix://{}", sidecar.socket.display())).unwrap();
    let at = at.caller_token(SecretSource::file(scene.path("caller.token")));
    let identity = ManagedIdentity::at_sidecar(scene.registered.client_id(), at).build().unwrap();
    identity.token().await.unwrap();
    sidecar.process.kill().await.unwrap();
    identity.token().await.expect("the token there is goes on");
    let _another = scene.sidecar_again().await;
    let begin = tokio::time::Instant::now();
    identity.invalidate();
    identity.token().await.expect("there is another sidecar");
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_second_one_does_not_take_the_place_of_one_that_lives() {
    let scene = Scene::new().await;
    let sidecar = scene.sidecar().await;
    let mut second = scene.start(&scene.config(""));
    assert!(!second.process.wait().await.unwrap().success());
    assert!(second.logged().contains("another sidecar listens"));
    assert_eq!(sidecar.admin("/livez").await.unwrap().0, 200);
}

/// `--check` with `config`; exit code, stdout and stderr.
fn check(scene: &Scene, config: &str, variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let path = scene.path("checked.toml");
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
async fn a_configuration_is_checked_without_serving() {
    let scene = Scene::new().await;
    let (code, _, told) = check(&scene, &scene.config(""), &[("NOWHERE", "s3cret")]);
    assert_eq!(code, Some(0), "{told}");
    let (code, _, told) = check(&scene, "[identities.erp]\nclient_id = \"mi-1\"", &[]);
    assert!(code == Some(1) && told.contains("identities.erp.client_secret_ref"), "{told}");
}

#[tokio::test]
async fn check_names_each_secret_that_cannot_be_read() {
    let scene = Scene::new().await;
    let more = "[callers.web]\ntoken_ref = \"file:/no/such/token\"\nidentities = [\"erp\"]\n\
                [identities.blank]\nclient_id = \"mi-2\"\nclient_secret_ref = \"env:BLANK\"\n\
                [identities.quoted]\nclient_id = \"mi-3\"\nclient_secret_ref = \"env:QUOTED\"\n\
                [identities.vault]\nclient_id = \"mi-4\"\nclient_secret_ref = \"hashicorp_vault:payroll#s\"\n";
    let variables =
        [("BLANK", " \n"), ("QUOTED", "'hidden'"), ("VAULT_ADDR", "https://vault.example.com:8200")];
    let (code, said, told) = check(&scene, &scene.config(more), &variables);
    assert_eq!(code, Some(3), "{told}");
    assert!(said.contains("the configuration is right"), "{said}");
    assert!(
        said.contains("identities.vault.client_secret_ref: `hashicorp_vault:payroll#s` was not read"),
        "{said}"
    );
    for line in [
        "identities.payroll.client_secret_ref: the secret behind `env:NOWHERE` could not be read",
        "identities.blank.client_secret_ref: the secret behind `env:BLANK` could not be read: it exists, but",
        "callers.web.token_ref: the secret behind `file:/no/such/token` could not be read",
        "identities.quoted.client_secret_ref: warning: the secret has quotes around it",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    assert!(!told.contains("identities.erp") && !told.contains("hidden"), "{told}");
}

#[tokio::test]
async fn vault_without_its_address_is_a_mistake_that_names_it() {
    let scene = Scene::new().await;
    let vault = "[identities.erp]\nclient_id = \"mi-1\"\nclient_secret_ref = \"hashicorp_vault:payroll#s\"";
    let (code, _, told) = check(&scene, vault, &[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("identities.erp.client_secret_ref: ") && told.contains("set VAULT_ADDR"), "{told}");
}

#[tokio::test]
async fn misspelled_table_and_suspicious_time_are_named() {
    let scene = Scene::new().await;
    let identity = "client_id = \"mi-1\"\nclient_secret_ref = \"env:NOWHERE\"\nrefresh_threshold = 60000\n";
    let (code, _, told) = check(&scene, &format!("[Identities.erp]\n{identity}"), &[]);
    assert!(code == Some(1) && told.contains("`Identities`; did you mean `identities`?"), "{told}");
    let (code, _, told) = check(&scene, &format!("[identities.erp]\n{identity}"), &[("NOWHERE", "s3cret")]);
    assert!(code == Some(0) && told.contains("if milliseconds were meant, write 60s"), "{told}");
}
