use std::{fmt, future::Future, io, sync::Arc, time::Duration};

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use passport_core::ConfigError;
use passport_outbound::Providers;
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::field::display;

use crate::{
    SidecarConfig, admin, config,
    doors::{self, Door, Server},
    router::{self, Shared},
    telemetry::TARGET,
};

/// How often what was measured is counted together.
const UPKEEP: Duration = Duration::from_secs(5);

/// How long identities have to end what they have started.
const LAST: Duration = Duration::from_secs(2);

/// A sidecar, ready to serve.
pub struct Sidecar {
    config: SidecarConfig,
    shared: Arc<Shared>,
    metrics: Option<PrometheusHandle>,
}

/// A sidecar that cannot serve.
#[derive(Debug, thiserror::Error)]
#[error("the sidecar cannot listen: {0}")]
pub struct ServeError(#[from] io::Error);

impl Sidecar {
    /// With what `config` says, and whatever secrets and stores it may name. Asks nobody yet.
    ///
    /// # Errors
    /// A [`ConfigError`] with every mistake.
    pub fn new(config: SidecarConfig, providers: impl Into<Providers>) -> Result<Self, ConfigError> {
        let shared = Arc::new(config::build(&config, &providers.into())?);
        Ok(Self { config, shared, metrics: None })
    }

    /// Shows these metrics on the admin listener.
    #[must_use]
    pub fn metrics(mut self, metrics: PrometheusHandle) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// What is asked on its doors, for a server of your own: each request has to come from this machine, and shows a caller's token.
    /// Limits of connections are those of your server.
    pub fn router(&self) -> Router {
        Router::new().fallback_service(router::service(&self.shared))
    }

    /// Serves until `stop`; then requests that are on their way are let end.
    ///
    /// # Errors
    /// When it cannot listen where it is to.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let (doors, socket) = doors::open(&self.config.listen).await?;
        let tcp = doors.iter().find_map(Door::address);
        let (ends, tasks) = (CancellationToken::new(), TaskTracker::new());
        let _all_ends_with_this_future = ends.clone().drop_guard();
        let (admin, last) = (self.admin(&ends).await?, CancellationToken::new());
        let _it_ends_as_well = last.clone().drop_guard();
        let operators = TaskTracker::new();
        let admin = admin.map(|(door, router)| {
            let address = door.address();
            operators.spawn(Server::new("admin", router, admin::LIMITS, None, last.clone()).serve(door));
            address
        });
        let service = router::service(&self.shared);
        self.warn_of_few_files(doors.len());
        for door in doors {
            let (limits, callers) = (self.config.limits, Some(Arc::clone(&self.shared)));
            let server = Server::new(door.name(), service.clone(), limits, callers, ends.clone());
            tasks.spawn(server.serve(door));
        }
        self.warm_up(&ends);
        if let Some(metrics) = self.metrics.clone() {
            // What was measured is kept one by one until it is counted together.
            let upkeep = async move {
                loop {
                    sleep(UPKEEP).await;
                    metrics.run_upkeep();
                }
            };
            let ends = ends.clone();
            tokio::spawn(async move { ends.run_until_cancelled(upkeep).await });
        }
        say(&[sd_notify::NotifyState::Ready]);
        let unix = socket.as_ref().map(|socket| display(socket.path()));
        let (tcp, admin) = (tcp.map(display), admin.flatten().map(display));
        let identities = self.shared.identities.len();
        tracing::info!(target: TARGET, unix, tcp, admin, identities, "the sidecar serves");
        stop.await;
        say(&[sd_notify::NotifyState::Stopping]);
        tracing::info!(target: TARGET, "the sidecar ends");
        // Who looks for it now finds nobody, or the next one.
        drop(socket);
        ends.cancel();
        tasks.close();
        tasks.wait().await;
        // Whoever looks after it sees it end.
        last.cancel();
        operators.close();
        operators.wait().await;
        let shut_down = async {
            for identity in self.shared.identities.values() {
                identity.shutdown().await;
            }
        };
        // What is left ends with the process.
        let _ = timeout(LAST, shut_down).await;
        Ok(())
    }

    fn warn_of_few_files(&self, listeners: usize) {
        let (limits, usable) = (&self.config.limits, self.shared.files.number());
        let wanted = listeners * limits.connections + limits.forwarded;
        if usable < wanted {
            tracing::warn!(
                target: TARGET,
                usable,
                wanted,
                "open file limit is lower than limits.connections and limits.forwarded need: raise \
                 LimitNOFILE (ulimit -n), or lower them; connections beyond it are answered 429 or closed"
            );
        }
    }

    /// For operators, who are not told to go elsewhere before it has ended.
    async fn admin(&self, ends: &CancellationToken) -> io::Result<Option<(Door, Router)>> {
        let Some(address) = self.config.listen.admin else { return Ok(None) };
        let door = Door::Tcp(TcpListener::bind(address).await?);
        Ok(Some((door, admin::router(Arc::clone(&self.shared), self.metrics.clone(), ends.clone()))))
    }

    /// Gets tokens and keys before somebody waits for them. It serves meanwhile.
    fn warm_up(&self, ends: &CancellationToken) {
        for (name, identity) in &self.shared.identities {
            let (name, identity, ends) = (name.clone(), identity.clone(), ends.clone());
            tokio::spawn(async move {
                if let Some(Err(error)) = ends.run_until_cancelled(identity.ready()).await {
                    tracing::warn!(target: TARGET, identity = name, %error, "there is no token yet");
                }
            });
        }
        if let Some(verifier) = self.shared.verifier.clone() {
            let ends = ends.clone();
            tokio::spawn(async move {
                if let Some(Err(error)) = ends.run_until_cancelled(verifier.ready()).await {
                    tracing::warn!(target: TARGET, %error, "there are no keys yet");
                }
            });
        }
    }
}

/// Says it to systemd, if that has started us.
fn say(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(target: TARGET, %error, "systemd was not told");
    }
}

impl fmt::Debug for Sidecar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sidecar").field("identities", &self.shared.identities.keys()).finish_non_exhaustive()
    }
}
