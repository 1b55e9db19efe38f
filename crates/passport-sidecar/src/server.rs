use std::{fmt, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use passport_config::ConfigRegistry;
use passport_core::ConfigError;
use sd_notify::NotifyState;
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::field::display;

use crate::{
    SidecarConfig, admin, build, dispatcher,
    limits::Limits,
    listener::{self, HttpServer, Listener},
    metrics::TARGET,
    state::AppState,
};

/// How often the recorded values of histograms are summed up.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// How long identities have to shut down.
const IDENTITIES_SHUTDOWN_TIME: Duration = Duration::from_secs(2);

/// A sidecar, ready to serve.
pub struct SidecarServer {
    config: SidecarConfig,
    state: Arc<AppState>,
    metrics: Option<PrometheusHandle>,
}

/// A sidecar cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("the sidecar cannot listen: {0}")]
pub struct ServeError(#[from] io::Error);

impl SidecarServer {
    /// Creates a sidecar from a configuration, with the secret registry and stores that it may
    /// name. Sends no request.
    ///
    /// # Errors
    /// A [`ConfigError`] with every mistake.
    pub fn new(config: SidecarConfig, registry: impl Into<ConfigRegistry>) -> Result<Self, ConfigError> {
        let state = Arc::new(build::build(&config, &registry.into())?);
        Ok(Self { config, state, metrics: None })
    }

    /// Shows these metrics on the admin listener.
    #[must_use]
    pub fn metrics(mut self, metrics: PrometheusHandle) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Returns the service of its listeners, for a server of your own. Each request has to come
    /// from this machine, and to show a caller's token. Limits on connections are those of your
    /// server.
    pub fn router(&self) -> Router {
        Router::new().fallback_service(dispatcher::service(&self.state))
    }

    /// Serves until `stop` completes, and then waits for the requests in flight.
    ///
    /// # Errors
    /// When it cannot listen at a configured address.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let (listeners, socket) = listener::bind(&self.config.listen).await?;
        let admin = self.bind_admin().await?;
        let addresses =
            (listeners.iter().find_map(Listener::address), admin.as_ref().and_then(Listener::address));
        let (callers, operators) = (Servers::default(), Servers::default());
        if let Some(listener) = admin {
            let admin =
                admin::router(Arc::clone(&self.state), self.metrics.clone(), callers.shutdown.clone());
            let server = HttpServer::new("admin", admin, Limits::ADMIN, None, operators.shutdown.clone());
            operators.tasks.spawn(server.serve(listener));
        }
        self.warn_of_few_files(listeners.len());
        self.spawn_servers(listeners, &callers);
        let background = self.spawn_background_tasks();
        notify_systemd(&[NotifyState::Ready]);
        self.log_start(socket.as_ref().map(|socket| socket.path()), addresses);
        stop.await;
        notify_systemd(&[NotifyState::Stopping]);
        tracing::info!(target: TARGET, "the sidecar ends");
        // Its file is removed, so that new clients find no sidecar, or its successor.
        drop(socket);
        drop(background);
        callers.shut_down().await;
        // Operators see the shutdown until its end.
        operators.shut_down().await;
        self.shut_down_identities().await;
        Ok(())
    }

    async fn bind_admin(&self) -> io::Result<Option<Listener>> {
        let Some(address) = self.config.listen.admin else { return Ok(None) };
        Ok(Some(Listener::Tcp(TcpListener::bind(address).await?)))
    }

    fn spawn_servers(&self, listeners: Vec<Listener>, servers: &Servers) {
        let service = dispatcher::service(&self.state);
        for listener in listeners {
            let (limits, admission) = (self.config.limits, Some(Arc::clone(&self.state.admission)));
            let shutdown = servers.shutdown.clone();
            let server = HttpServer::new(listener.name(), service.clone(), limits, admission, shutdown);
            servers.tasks.spawn(server.serve(listener));
        }
    }

    fn log_start(
        &self,
        unix: Option<std::path::Display<'_>>,
        (tcp, admin): (Option<SocketAddr>, Option<SocketAddr>),
    ) {
        let (unix, tcp, admin) = (unix.map(display), tcp.map(display), admin.map(display));
        let identities = self.state.tokens.identities.len();
        tracing::info!(target: TARGET, unix, tcp, admin, identities, "the sidecar serves");
    }

    fn warn_of_few_files(&self, listeners: usize) {
        let (limits, usable) = (&self.config.limits, self.state.admission.files.number());
        let wanted = listeners * limits.max_connections + limits.max_forwarded_requests;
        if usable < wanted {
            tracing::warn!(
                target: TARGET,
                usable,
                wanted,
                "open file limit is lower than limits.max_connections and limits.max_forwarded_requests need: raise \
                 LimitNOFILE (ulimit -n), or lower them; connections beyond it are answered 429 or closed"
            );
        }
    }

    /// Fetches tokens and keys before a request needs them, and sums up recorded values, which take
    /// memory until then.
    fn spawn_background_tasks(&self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for (name, identity) in self.state.tokens.identities.clone() {
            tasks.spawn(async move {
                if let Err(error) = identity.ready().await {
                    tracing::warn!(target: TARGET, identity = name, %error, "there is no token yet");
                }
            });
        }
        if let Some(verifier) = self.state.verifier.clone() {
            tasks.spawn(async move {
                if let Err(error) = verifier.ready().await {
                    tracing::warn!(target: TARGET, %error, "there are no keys yet");
                }
            });
        }
        if let Some(metrics) = self.metrics.clone() {
            tasks.spawn(async move {
                loop {
                    sleep(UPKEEP_INTERVAL).await;
                    metrics.run_upkeep();
                }
            });
        }
        tasks
    }

    async fn shut_down_identities(&self) {
        let shut_down = async {
            for identity in self.state.tokens.identities.values() {
                identity.shutdown().await;
            }
        };
        // What takes longer ends with the process.
        let _ = timeout(IDENTITIES_SHUTDOWN_TIME, shut_down).await;
    }
}

/// Servers that run until they are shut down, or until this value is dropped.
#[derive(Default)]
struct Servers {
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Servers {
    async fn shut_down(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Reports the state to systemd, if it is the service manager.
fn notify_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(target: TARGET, %error, "systemd was not told");
    }
}

impl fmt::Debug for SidecarServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identities = self.state.tokens.identities.keys();
        f.debug_struct("SidecarServer").field("identities", &identities).finish_non_exhaustive()
    }
}
