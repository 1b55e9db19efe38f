//! Start, shutdown and restart of a sidecar.

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

use crate::harness::{Setup, SidecarProcess, eventually};

/// Sends `number` requests: half of them for a token, and half to be forwarded.
fn send(sidecar: &SidecarProcess, number: usize) -> Vec<JoinHandle<reqwest::Result<reqwest::Response>>> {
    let client = sidecar.unix();
    let paths = ["/v1/token?identity=erp", "/to/api/orders"].into_iter().cycle().take(number);
    paths.map(|path| tokio::spawn(client.get(format!("http://localhost{path}")).send())).collect()
}

/// Other clients keep connecting during the shutdown.
#[tokio::test(flavor = "multi_thread")]
async fn shutdown_waits_for_requests_in_flight() {
    let setup = Setup::new().await;
    setup.passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(3)));
    let sidecar = setup.sidecar().await;
    let requests = send(&sidecar, 50);
    sidecar.has("passport_sidecar_connections{listener=\"unix\"} 50").await;
    let others = tokio::spawn(sidecar.listener_closed());
    sidecar.signal(Signal::SIGTERM);
    for response in join_all(requests).await {
        let response = response.unwrap().unwrap();
        assert_eq!(response.status(), 200);
    }
    others.await.expect("the listener is closed");
    let socket = sidecar.socket.clone();
    let log = sidecar.log_after_exit().await;
    assert!(log.contains("shutting down") && !socket.exists());
}

#[tokio::test]
async fn one_processor_has_one_thread_and_a_graceful_shutdown() {
    // The sidecar, a child process, inherits the CPU affinity.
    let (own_process, mut one_cpu) = (Pid::from_raw(0), CpuSet::new());
    let usable = sched_getaffinity(own_process).unwrap();
    one_cpu.set((0..CpuSet::count()).find(|number| usable.is_set(*number).unwrap()).unwrap()).unwrap();
    sched_setaffinity(own_process, &one_cpu).unwrap();
    let setup = Setup::new().await;
    setup.passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(1)));
    let sidecar = setup.sidecar().await;
    let requests = send(&sidecar, 10);
    sidecar.has("passport_sidecar_connections{listener=\"unix\"} 10").await;
    sidecar.signal(Signal::SIGTERM);
    for response in join_all(requests).await {
        assert_eq!(response.unwrap().unwrap().status(), 200);
    }
    let log = sidecar.log_after_exit().await;
    assert!(log.contains("using a single-threaded runtime") && log.contains("shutting down"), "{log}");
}

/// Each client sends one request after another on one connection. The only error that it gets is
/// a failed connect after the shutdown.
#[tokio::test(flavor = "multi_thread")]
async fn shutdown_loses_no_request_of_a_busy_client() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
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
    sidecar.has("passport_sidecar_connections{listener=\"unix\"} 6").await;
    sidecar.signal(Signal::SIGHUP);
    sidecar.signal(Signal::SIGTERM);
    for answered in join_all(clients).await {
        assert!(answered.unwrap() > 0);
    }
    assert!(sidecar.log_after_exit().await.contains("SIGHUP is ignored"));
}

/// The admin listener serves until the end of the shutdown.
#[tokio::test(flavor = "multi_thread")]
async fn sidecar_in_shutdown_is_live_and_not_ready() {
    let setup = Setup::new().await;
    setup.passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(6)));
    let sidecar = setup.sidecar().await;
    let request = tokio::spawn(sidecar.unix().get("http://localhost/v1/token?identity=erp").send());
    sidecar.has("passport_sidecar_connections{listener=\"unix\"} 1").await;
    assert!(sidecar.admin("/readyz").await.unwrap().1.contains("\"shutting_down\":false"));
    sidecar.signal(Signal::SIGTERM);
    eventually(async || (!sidecar.socket.exists()).then_some(()).ok_or("the socket file exists".to_owned()))
        .await;
    assert_eq!(sidecar.admin("/livez").await.unwrap().0, 200);
    assert!(sidecar.admin("/readyz").await.unwrap().1.contains("\"shutting_down\":true"));
    let closed = tokio::time::timeout(Duration::from_secs(4), sidecar.listener_closed()).await;
    closed.expect("the listener is closed before the requests end");
    assert!(!request.is_finished(), "the request is in flight");
    assert_eq!(request.await.unwrap().unwrap().status(), 200);
    sidecar.log_after_exit().await;
}

#[tokio::test]
async fn closed_log_does_not_stop_the_sidecar() {
    let setup = Setup::new().await;
    let mut sidecar = setup.start_logging_to(&setup.config(""), Stdio::piped());
    let mut log = BufReader::new(sidecar.process.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening on ") {
        line.clear();
        assert!(log.read_line(&mut line).await.unwrap() > 0, "the sidecar does not start");
    }
    drop(log);
    for _ in 0..3 {
        let response = sidecar.unix().get("http://localhost/v1/token?identity=erp").send().await;
        assert_eq!(response.unwrap().status(), 200);
    }
    sidecar.signal(Signal::SIGTERM);
    assert!(sidecar.process.wait().await.unwrap().success());
}

#[tokio::test]
async fn clients_use_a_restarted_sidecar_within_a_second() {
    let setup = Setup::new().await;
    let mut sidecar = setup.sidecar().await;
    let at =
        passport_outbound::SidecarEndpoint::new(&format!("unix://{}", sidecar.socket.display())).unwrap();
    let at = at.auth_token(SecretSource::file(setup.path("caller.token")));
    let identity = ManagedIdentity::via_sidecar(setup.registered.client_id(), at).build().unwrap();
    identity.token().await.unwrap();
    sidecar.process.kill().await.unwrap();
    identity.token().await.expect("the cached token is still used");
    let _another = setup.sidecar_again().await;
    let begin = tokio::time::Instant::now();
    identity.invalidate();
    identity.token().await.expect("the other sidecar responds");
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn second_sidecar_does_not_take_a_socket_in_use() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let mut second = setup.start(&setup.config(""));
    assert!(!second.process.wait().await.unwrap().success());
    assert!(second.logged().contains("another process is listening"));
    assert_eq!(sidecar.admin("/livez").await.unwrap().0, 200);
}
