//! The default reqwest clients: one for each [`ClientRoute`]. Typed clients with equal settings
//! and the same pool share them.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use passport_core::{
    CaCertificates, ConfigProblem, Origin, TlsFailure, TransportError, TransportErrorKind, USER_AGENT,
};
use reqwest::{
    Client, ClientBuilder,
    redirect::{Action, Attempt, Policy},
};
use url::Url;

use super::{runtime_clients::RuntimeClients, tls};
use crate::AllowedOrigins;

/// The time limit for opening a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of redirects that a request follows. A request with more redirects fails.
const MAX_REDIRECTS: usize = 10;

/// The settings of a default client. Typed clients with the same pool and equal settings share
/// the default client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ClientSettings {
    pub(super) ca_file: Option<PathBuf>,
    pub(super) user_agent: Option<HeaderValue>,
}

impl ClientSettings {
    /// Returns the names of the options that are set. The options apply only to a default client,
    /// so `build` reports them as problems if the user configured a client.
    pub(super) fn options(&self) -> impl Iterator<Item = &'static str> + use<> {
        let set = [("ca_file", self.ca_file.is_some()), ("user_agent", self.user_agent.is_some())];
        set.into_iter().filter_map(|(option, is_set)| is_set.then_some(option))
    }
}

/// How requests reach an origin: over TLS or plain `http`, and with or without the system's
/// proxy. Each route has its own reqwest client. Requests to loopback hosts and plain `http`
/// requests bypass the system's proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ClientRoute {
    /// TLS to another host, through the system's proxy if one is configured.
    Proxied,
    /// TLS to a loopback host, without a proxy.
    Direct,
    /// Plain `http`, without a proxy. The client of this route loads no root certificates, because
    /// it needs none and the machine may have none.
    Plain,
}

impl ClientRoute {
    /// Returns the route of requests to `origin`.
    fn to(origin: &Origin) -> Self {
        match (origin.is_https(), origin.is_loopback()) {
            (true, false) => Self::Proxied,
            (true, true) => Self::Direct,
            (false, _) => Self::Plain,
        }
    }
}

/// The reqwest clients of one [`ManagedIdentityHttpClient`](super::ManagedIdentityHttpClient).
#[derive(Clone, Debug)]
pub(super) enum Clients {
    /// The client that the user configured. It sends all requests.
    Own(Client),
    /// The default clients, one for each route to the allowed origins.
    Default(Arc<[(ClientRoute, Arc<RuntimeClients>)]>),
}

impl Clients {
    /// Returns a client that builds a request to `url`. Returns `None` if no allowed origin has the
    /// same route as `url`.
    pub(super) fn to(&self, url: &Url) -> Option<&Client> {
        match self {
            Self::Own(client) => Some(client),
            Self::Default(clients) => by_route(clients, url).map(RuntimeClients::any),
        }
    }

    /// Returns the client that sends a request to `url` on the current tokio runtime. Returns
    /// `None` if no allowed origin has the same route as `url`.
    pub(super) fn sender_to(&self, url: &Url) -> Option<Client> {
        match self {
            Self::Own(client) => Some(client.clone()),
            Self::Default(clients) => by_route(clients, url).map(RuntimeClients::of_this_runtime),
        }
    }
}

fn by_route<'a>(clients: &'a [(ClientRoute, Arc<RuntimeClients>)], url: &Url) -> Option<&'a RuntimeClients> {
    let route = ClientRoute::to(&Origin::of(url).ok()?);
    clients.iter().find(|(other, _)| *other == route).map(|(_, client)| &**client)
}

/// A pool of default reqwest clients.
/// [`ManagedIdentityHttpClient`](super::ManagedIdentityHttpClient)s with the same pool and equal
/// settings share connections and root certificates. See
/// [`client_pool`](crate::ManagedIdentityHttpClientBuilder::client_pool).
///
/// Cheap to clone; clones of a pool share its clients.
#[derive(Clone, Debug, Default)]
pub struct ClientPool(Arc<Mutex<BySettings>>);

type BySettings = HashMap<(ClientSettings, ClientRoute), Arc<RuntimeClients>>;

impl ClientPool {
    /// Returns the clients for requests to `origins`. If a client cannot be built, adds the reason
    /// to `problems` and returns `None`. Reads the CA file.
    pub(super) fn clients(
        &self,
        settings: &ClientSettings,
        origins: &AllowedOrigins,
        problems: &mut Vec<ConfigProblem>,
    ) -> Option<Clients> {
        let ca = settings.ca_file.as_ref().map(CaCertificates::from_pem_file).transpose();
        let ca = ConfigProblem::collect(problems, "ca_file", ca)?;
        let clients: Result<_, _> = routes(origins)
            .into_iter()
            .map(|route| self.client(settings, route, ca.as_ref()).map(|client| (route, client)))
            .collect();
        ConfigProblem::collect(problems, "client", clients).map(Clients::Default)
    }

    /// Returns the pool's client for `settings` and `route`. Builds the client if the pool has none
    /// yet.
    fn client(
        &self,
        settings: &ClientSettings,
        route: ClientRoute,
        ca: Option<&CaCertificates>,
    ) -> Result<Arc<RuntimeClients>, TransportError> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (settings.clone(), route);
        if let Some(client) = clients.get(&key) {
            return Ok(Arc::clone(client));
        }
        let (own, ca) = (settings.clone(), ca.cloned());
        let build = move || default_client(&own, route, ca.as_ref());
        let client = Arc::new(RuntimeClients::new(build).map_err(|error| {
            let kind = TlsFailure::find(&error).map_or(TransportErrorKind::Setup, TransportErrorKind::Tls);
            TransportError::new(kind).with_source(error)
        })?);
        clients.insert(key, Arc::clone(&client));
        Ok(client)
    }
}

/// Returns the routes of requests to `origins`, without duplicates.
fn routes(origins: &AllowedOrigins) -> Vec<ClientRoute> {
    let mut routes: Vec<_> = origins.listed_origins().iter().map(ClientRoute::to).collect();
    if origins.allows_any_https() {
        routes.extend([ClientRoute::Proxied, ClientRoute::Direct]);
    }
    routes.sort_by_key(|route| *route as u8);
    routes.dedup();
    routes
}

fn default_client(
    settings: &ClientSettings,
    route: ClientRoute,
    ca: Option<&CaCertificates>,
) -> ClientBuilder {
    let user_agent = settings.user_agent.clone();
    let user_agent = user_agent.unwrap_or_else(|| HeaderValue::from_static(USER_AGENT));
    let builder = Client::builder()
        .user_agent(user_agent)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::custom(within_an_origin));
    match route {
        ClientRoute::Proxied => tls::with_ca(ca, builder),
        ClientRoute::Direct => tls::with_ca(ca, builder).no_proxy(),
        ClientRoute::Plain => tls::without_roots(builder).no_proxy(),
    }
}

/// Follows a redirect only within an origin. A redirect to another origin is returned as the
/// response. If reqwest followed it, reqwest would remove the token, but send the body and the
/// other headers to that origin.
fn within_an_origin(attempt: Attempt<'_>) -> Action {
    let stays = attempt.previous().last().is_some_and(|url| url.origin() == attempt.url().origin());
    match attempt.previous().len() {
        _ if !stays => attempt.stop(),
        0..=MAX_REDIRECTS => attempt.follow(),
        _ => attempt.error("too many redirects"),
    }
}

#[cfg(test)]
mod tests;
