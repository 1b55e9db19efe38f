use std::{fmt, time::Duration};

use passport_core::{ConfigError, ConfigProblem, Origin, TlsFailure, TransportError, TransportErrorKind};
use reqwest::{
    Client,
    redirect::{Attempt, Policy},
};
use url::Url;

use super::ManagedIdentityHttpClient;
use crate::{AllowedOrigins, Identity, destination::base_url};

/// Settings of a [`ManagedIdentityHttpClient`].
#[must_use]
pub struct ManagedIdentityHttpClientBuilder {
    identity: Identity,
    base_url: String,
    client: Option<Client>,
    others: Option<AllowedOrigins>,
    replays: bool,
    plain_http: bool,
}

impl ManagedIdentityHttpClientBuilder {
    pub(super) fn new(identity: Identity, base_url: &str) -> Self {
        Self {
            identity,
            base_url: base_url.to_owned(),
            client: None,
            others: None,
            replays: false,
            plain_http: false,
        }
    }

    /// Sends with `client`, whatever its time limits, proxies, certificates and redirects.
    ///
    /// The default gives up after 10 s without a connection, and after 100 s altogether, as .NET's does, unless the request says
    /// otherwise ([`timeout`](crate::ManagedIdentityRequest::timeout)) or its body is a stream. It follows 10 redirects within
    /// an origin, and hands one that leads out of it on as the answer. It does not use the system's proxy if the base URL is
    /// of a loopback host, or plain `http`. Mind that a client with a cookie store shares the cookies among all in whose name requests go out.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Lets requests go to other origins than that of the base URL, too. None by default.
    pub fn also_allow(mut self, origins: AllowedOrigins) -> Self {
        self.others = Some(origins);
        self
    }

    /// Sends a request once more, with a new token, when its receiver refused the first. Off by default. What it means is
    /// told at [`replay_clones`](crate::AttachTokenLayer::replay_clones).
    pub fn replay_refused(mut self) -> Self {
        self.replays = true;
        self
    }

    /// Lets the base URL be plain `http`, too.
    ///
    /// **Danger:** as [`AllowedOrigins::danger_plain_http`]. For a service mesh whose proxies encrypt what leaves the pod. A
    /// configuration has no key for it, on purpose: leave `base_url` out of it, and say it in the program.
    pub fn danger_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// The client. Does no I/O.
    ///
    /// # Errors
    /// A [`ConfigError`] when the base URL is not an absolute `https` URL (or one of a loopback host), or the machine lacks
    /// what TLS needs.
    pub fn build(self) -> Result<ManagedIdentityHttpClient, ConfigError> {
        let mut problems = Vec::new();
        let base =
            ConfigProblem::collect(&mut problems, "base_url", base_url(&self.base_url, self.plain_http));
        let base = base.map(|(url, origins)| {
            let origins = self.others.iter().fold(origins, AllowedOrigins::and);
            (url, origins)
        });
        let time_limit = self.client.is_none().then_some(TIME_LIMIT);
        let client = match (self.client, &base) {
            (Some(client), _) => Some(client),
            (None, Some((url, origins))) => {
                ConfigProblem::collect(&mut problems, "client", default_client(url, origins))
            }
            (None, None) => None,
        };
        let (Some((base, origins)), Some(client)) = (base, client) else {
            return Err(ConfigError::new(problems));
        };
        Ok(ManagedIdentityHttpClient {
            client,
            base,
            time_limit,
            identity: self.identity,
            origins,
            replays: self.replays,
        })
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TIME_LIMIT: Duration = Duration::from_secs(100);
const MAX_REDIRECTS: usize = 10;

fn default_client(base: &Url, origins: &AllowedOrigins) -> Result<Client, TransportError> {
    let builder =
        Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(Policy::custom(within_an_origin));
    let may_use_proxy = base.scheme() == "https" && !is_loopback(base);
    let builder = if may_use_proxy { builder } else { builder.no_proxy() };
    // No roots are loaded where none are needed: the machine may have none.
    let builder = if origins.has_https() { builder } else { builder.tls_certs_only([]) };
    builder.build().map_err(|error| {
        let kind = TlsFailure::find(&error).map_or(TransportErrorKind::Setup, TransportErrorKind::Tls);
        TransportError::new(kind).caused_by(error)
    })
}

/// reqwest takes the token off where a redirect leads to another origin, but not the body and the other headers.
fn within_an_origin(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let stays = attempt.previous().last().is_some_and(|url| url.origin() == attempt.url().origin());
    match attempt.previous().len() {
        _ if !stays => attempt.stop(),
        0..=MAX_REDIRECTS => attempt.follow(),
        _ => attempt.error("too many redirects"),
    }
}

fn is_loopback(url: &Url) -> bool {
    Origin::of(url).is_ok_and(|origin| origin.is_loopback())
}

/// The URL is left out: until it is checked, it may hold credentials.
impl fmt::Debug for ManagedIdentityHttpClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentityHttpClientBuilder")
            .field("identity", &self.identity)
            .field("replays", &self.replays)
            .finish_non_exhaustive()
    }
}
