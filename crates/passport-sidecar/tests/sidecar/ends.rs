//! How it ends, and what comes after it.

use std::time::Duration;

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use passport_dev::{Endpoint, Fault};
use passport_outbound::{ManagedIdentity, SecretSource};

use crate::scene::Scene;

/// And others come on and on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn when_it_is_told_to_end_requests_that_are_on_their_way_are_answered() {
    let scene = Scene::new().await;
    scene.passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(3)));
    let sidecar = scene.sidecar().await;
    let client = sidecar.unix();
    let ask = |path: &'static str| tokio::spawn(client.get(format!("http://localhost{path}")).send());
    let asked: Vec<_> =
        (0..25).flat_map(|_| [ask("/v1/token?identity=erp"), ask("/to/api/orders")]).collect();
    sidecar.has("passport_sidecar_connections 50").await;
    let port = sidecar.tcp;
    let others = tokio::spawn(async move {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
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

#[tokio::test]
async fn a_configuration_is_checked_without_serving() {
    let scene = Scene::new().await;
    let check = |config: &str| {
        let path = scene.path("checked.toml");
        std::fs::write(&path, config).unwrap();
        std::process::Command::new(env!("CARGO_BIN_EXE_passport-sidecar"))
            .args(["--check", "--config", &path])
            .output()
    };
    assert!(check(&scene.config("")).unwrap().status.success());
    let wrong = check("[identities.erp]\nclient_id = \"mi-1\"").unwrap();
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && told.contains("identities.erp.client_secret_ref"), "{told}");
}
