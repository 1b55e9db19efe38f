//! grpc-web, with clients from npm: `grpc-web` (Google) and `@connectrpc/connect` (Buf). `cargo
//! xtask test` installs them, by `judge/package-lock.json`, into `target/npm`.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use passport_dev::{DevPassport, Endpoint, Fault};
use tokio::process::Command;

use super::{Place, server};

/// Set to 1 where nothing may be skipped.
const NEVER_SKIP: &str = "PASSPORT_TESTS_NEVER_SKIP";

/// What each client reads from `server`, in one line each; none if the clients are not installed.
async fn read_by_clients(server: &str, token: &str) -> Option<Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm");
    // Laid there when all of them were installed.
    let list = fs::read_to_string(folder.join("installed.json"));
    if list.is_ok_and(|list| list == include_str!("judge/package-lock.json")) {
        let script = folder.join("judge.mjs");
        let mut node = Command::new("node");
        node.arg(script).args([server, token]).kill_on_drop(true);
        let judged = tokio::time::timeout(Duration::from_secs(60), node.output()).await;
        let judged = judged.expect("the clients take seconds").unwrap();
        assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
        return Some(String::from_utf8(judged.stdout).unwrap().lines().map(str::to_owned).collect());
    }
    let never = std::env::var(NEVER_SKIP).is_ok_and(|never| never == "1");
    assert!(!never, "the clients of npm are not there; `cargo xtask test` installs them");
    // Not by a macro: what those say in a test that passes is not shown.
    let _ = writeln!(
        io::stderr(),
        "\n!!! SKIPPED: the clients of npm are not installed; run `cargo xtask test` (it needs npm)\n"
    );
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn npm_clients_of_grpc_web_read_each_status() {
    for place in [Place::Outside, Place::Inside] {
        let passport = DevPassport::start().await.unwrap();
        let service = passport.managed_identity("payroll").create().token().build();
        let user = passport.user_token("ada").build();
        let without_keys = server(&passport, place).await;
        passport.inject(Endpoint::Jwks, Fault::Down);
        let Some(unavailable) = read_by_clients(&without_keys, &service).await else { return };
        passport.heal(Endpoint::Jwks);
        let server = server(&passport, place).await;
        let unauthenticated = read_by_clients(&server, "junk").await.unwrap();
        let denied = read_by_clients(&server, &user).await.unwrap();
        let served = read_by_clients(&server, &service).await.unwrap();
        for (read, code) in [(unavailable, 14), (unauthenticated, 16), (denied, 7), (served, 0)] {
            let all = ["connect binary", "grpc-web binary", "grpc-web text"];
            assert_eq!(read, all.map(|client| format!("{client}: {code}")), "{place:?}");
        }
    }
}
