//! Failover of a Cluster that loses a primary, and of a primary under Sentinel.

use std::time::Duration;

use passport_test_support::processes::free_port;
use tokio::time::{Instant, sleep};

use crate::{
    harness::{Setup, figure},
    redis_server::{RedisServer, write_file},
    workers::Fleet,
};

const SECOND: Duration = Duration::from_secs(1);
const INSTANCES: usize = 8;

/// Starts three primaries with one replica each.
pub(crate) async fn cluster() -> Vec<RedisServer> {
    let options =
        ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"];
    // The port of the cluster bus is the port of the server plus 10,000.
    let mut servers = Vec::new();
    while servers.len() < 6 {
        servers.push(
            RedisServer::start(&[&options[..], &["--cluster-port", &free_port().to_string()]].concat()).await,
        );
    }
    let addresses: Vec<_> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
    let words = ["--cluster", "create"].into_iter().chain(addresses.iter().map(String::as_str));
    let words: Vec<_> = words.chain(["--cluster-replicas", "1", "--cluster-yes"]).collect();
    let made = servers[0].cli(&words);
    assert!(made.contains("All 16384 slots covered"), "{made}");
    for server in &servers {
        server.wait_until(&["CLUSTER", "INFO"], |info| info.contains("cluster_state:ok")).await;
        server
            .wait_until(&["INFO", "replication"], |info| {
                info.contains("role:master") && info.contains("state=online")
                    || info.contains("master_link_status:up")
            })
            .await;
    }
    servers
}

/// A primary with a replica, and three sentinels that monitor it as [`SERVICE`](Self::SERVICE).
pub(crate) struct Sentinels {
    pub(crate) master: RedisServer,
    pub(crate) replica: RedisServer,
    sentinels: Vec<RedisServer>,
}

impl Sentinels {
    pub(crate) const SERVICE: &'static str = "tokens";

    pub(crate) async fn start() -> Self {
        let master = RedisServer::start(&["--repl-diskless-sync-delay", "0"]).await;
        let port = master.port.to_string();
        let replica =
            RedisServer::start(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]).await;
        replica.wait_until(&["INFO", "replication"], |info| info.contains("master_link_status:up")).await;
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            let folder = tempfile::tempdir().unwrap();
            let config = format!(
                "sentinel monitor tokens 127.0.0.1 {port} 2\nsentinel down-after-milliseconds tokens 500\n\
                 sentinel failover-timeout tokens 3000\n"
            );
            let config = write_file(folder.path(), "sentinel.conf", &config).display().to_string();
            sentinels.push(RedisServer::start_sentinel(folder, &config).await);
        }
        for sentinel in &sentinels {
            sentinel
                .wait_until(&["SENTINEL", "MASTER", "tokens"], |answer| {
                    let lines: Vec<_> = answer.lines().collect();
                    let is = |name, value| lines.windows(2).any(|pair| pair == [name, value]);
                    is("num-other-sentinels", "2") && is("num-slaves", "1")
                })
                .await;
        }
        Self { master, replica, sentinels }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(RedisServer::url).collect()
    }
}

/// Returns the primary that stores the token.
fn owner(servers: &[RedisServer]) -> usize {
    let has_it = |server: &RedisServer| {
        server.cli(&["INFO", "replication"]).contains("role:master") && server.cli(&["DBSIZE"]) != "0"
    };
    servers.iter().position(has_it).expect("one primary has the token")
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_failover_fails_no_call_and_tokens_are_shared_again() {
    let setup = Setup::with_tokens_for(4 * SECOND).await;
    let mut servers = cluster().await;
    let urls: Vec<_> = servers.iter().map(RedisServer::url).collect();
    let mut fleet = Fleet::start(INSTANCES, &setup.worker_config("cluster", &urls)).await;
    assert_eq!(fleet.calls(100).await.failed, 0);
    assert_eq!(setup.token_requests(), 1, "the instances share through the cluster");
    let began = Instant::now();
    fleet.begin_load(16 * SECOND, Duration::from_millis(25)).await;
    sleep(SECOND).await;
    let owner = owner(&servers);
    servers[owner].kill();
    let report = fleet.report().await;
    figure("a primary of the cluster is killed", began.elapsed(), &report, setup.token_requests());
    assert_eq!(report.failed, 0, "{report:?}");
    sleep(4 * SECOND).await;
    let before = setup.token_requests();
    assert_eq!(fleet.calls(10).await.failed, 0);
    assert_eq!(setup.token_requests() - before, 1, "the fleet shares again");
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinel_failover_fails_no_call() {
    let setup = Setup::with_tokens_for(4 * SECOND).await;
    let mut servers = Sentinels::start().await;
    let mut fleet = Fleet::start(INSTANCES, &setup.worker_config("sentinel", &servers.urls())).await;
    assert_eq!(fleet.calls(100).await.failed, 0);
    assert_eq!(setup.token_requests(), 1);
    let began = Instant::now();
    fleet.begin_load(12 * SECOND, Duration::from_millis(25)).await;
    sleep(SECOND).await;
    servers.master.kill();
    let report = fleet.report().await;
    figure("the primary under Sentinel is killed", began.elapsed(), &report, setup.token_requests());
    assert_eq!(report.failed, 0, "{report:?}");
    sleep(4 * SECOND).await;
    let before = setup.token_requests();
    assert_eq!(fleet.calls(10).await.failed, 0);
    assert_eq!(setup.token_requests() - before, 1, "the fleet shares again");
    assert!(servers.replica.cli(&["INFO", "replication"]).contains("role:master"));
}
