//! Runs a sidecar: binds the listeners, serves them, and shuts down gracefully.

use std::{fmt, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use passport_config::ConfigRegistry;
use passport_core::ConfigError;
use sd_notify::NotifyState;
use tokio::{
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

/// The interval at which recorded values are merged into histograms. Each recorded value takes
/// memory until it is merged.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// How long the shutdown waits for the background tasks of all identities. After this time the
/// shutdown ends without waiting for tasks that are still running.
const IDENTITIES_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// A sidecar with a valid configuration. [`serve`](Self::serve) opens its listeners.
pub struct SidecarServer {
    config: SidecarConfig,
    state: Arc<AppState>,
    metrics: Option<PrometheusHandle>,
}

/// The error of [`SidecarServer::serve`]: a listener cannot be opened.
///
/// `Debug` prints the message, so that a `main` that returns this error shows the message.
#[derive(thiserror::Error)]
#[error("cannot listen: {0}")]
pub struct ServeError(#[from] io::Error);

impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SidecarServer {
    /// Creates a sidecar from a configuration. `registry` contains the vaults and token stores that
    /// the configuration is allowed to name: see the function [`registry`](crate::registry()).
    ///
    /// Sends no request, reads no secret and opens no listener.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] with every mistake of the configuration.
    pub fn new(config: SidecarConfig, registry: impl Into<ConfigRegistry>) -> Result<Self, ConfigError> {
        let state = Arc::new(build::build(&config, &registry.into())?);
        Ok(Self { config, state, metrics: None })
    }

    /// Serves `metrics` at `/metrics` of the admin listener. Without this call, requests to
    /// `/metrics` get a 404. The recorder has to be installed before the first request, because
    /// the sidecar keeps the metrics that it has looked up.
    #[must_use]
    pub fn metrics(mut self, metrics: PrometheusHandle) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Returns the endpoints of the sidecar as a router, so that another HTTP server can serve
    /// them.
    ///
    /// Serve the router on loopback only. Each request is authenticated like a request on TCP: by a
    /// caller token. The limits on connections do not apply.
    pub fn router(&self) -> Router {
        Router::new().fallback_service(dispatcher::service(&self.state))
    }

    /// Serves requests until `stop` completes, and then shuts down. The shutdown waits for the
    /// requests in flight for at most `limits.shutdown_timeout_seconds` (25 s by default). Then it
    /// aborts the requests that are still in flight.
    ///
    /// # Errors
    /// Returns an error if a configured listener cannot be opened.
    ///
    /// # Cancel safety
    /// If the future is dropped, the listeners close, and background tasks finish the requests in
    /// flight.
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
        let admin_name = addresses.1.map(|_| "admin");
        let names: Vec<_> = listeners.iter().map(Listener::name).chain(admin_name).collect();
        self.warn_of_few_files(listeners.len());
        self.spawn_servers(listeners, &callers);
        let background = self.spawn_background_tasks();
        notify_systemd(&[NotifyState::Ready]);
        self.log_start(&names.join(", "), socket.as_ref().map(|socket| socket.path()), addresses);
        stop.await;
        notify_systemd(&[NotifyState::Stopping]);
        tracing::info!(target: TARGET, "shutting down");
        // Removes the socket file. A new client then cannot connect. If the next sidecar has
        // already created its own socket file, the client connects to the next sidecar.
        drop(socket);
        drop(background);
        callers.shut_down().await;
        // The admin listener is last, so that operators can observe the shutdown.
        operators.shut_down().await;
        self.shut_down_identities().await;
        Ok(())
    }

    async fn bind_admin(&self) -> io::Result<Option<Listener>> {
        let Some(address) = self.config.listen.admin else { return Ok(None) };
        Ok(Some(Listener::Tcp(listener::bind_tcp("listen.admin", address).await?)))
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
        names: &str,
        unix: Option<std::path::Display<'_>>,
        (tcp, admin): (Option<SocketAddr>, Option<SocketAddr>),
    ) {
        let (unix, tcp, admin) = (unix.map(display), tcp.map(display), admin.map(display));
        let identities = self.state.tokens.identities.len();
        tracing::info!(target: TARGET, unix, tcp, admin, identities, "listening on {names}");
    }

    fn warn_of_few_files(&self, listeners: usize) {
        let (limits, available) = (&self.config.limits, self.state.admission.files.number());
        let required = listeners * limits.max_connections + limits.max_forwarded_requests;
        if available < required {
            tracing::warn!(
                target: TARGET,
                available,
                required,
                "open file limit is too low for limits.max_connections and limits.max_forwarded_requests: \
                 raise LimitNOFILE (ulimit -n), or lower these limits; connections beyond the open file \
                 limit get status 429 or are closed"
            );
        }
    }

    /// Spawns the background tasks:
    /// - a task for each identity fetches a token before a request needs the token;
    /// - a task fetches the signing keys before a request needs them, if `validate` is configured;
    /// - a task merges recorded metrics into histograms, if the sidecar serves metrics.
    ///
    /// Dropping the returned set aborts the tasks that are still running.
    fn spawn_background_tasks(&self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for (name, identity) in self.state.tokens.identities.clone() {
            tasks.spawn(async move {
                if let Err(error) = identity.ready().await {
                    tracing::warn!(target: TARGET, identity = name, %error, "initial token fetch failed, continuing without a token");
                }
            });
        }
        if let Some(verifier) = self.state.verifier.clone() {
            tasks.spawn(async move {
                if let Err(error) = verifier.ready().await {
                    tracing::warn!(target: TARGET, %error, "initial JWKS fetch failed, continuing without signing keys");
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
        // Tasks that take longer are aborted when the process exits.
        let _ = timeout(IDENTITIES_SHUTDOWN_TIMEOUT, shut_down).await;
    }
}

/// A group of HTTP servers that shut down together: when [`shut_down`](Self::shut_down) is
/// called, or when this value is dropped.
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

/// Reports `state` to systemd, if systemd has started the process. A failed report is only
/// logged.
fn notify_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(target: TARGET, %error, "systemd notification failed");
    }
}

impl fmt::Debug for SidecarServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identities = self.state.tokens.identities.keys();
        f.debug_struct("SidecarServer").field("identities", &identities).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
