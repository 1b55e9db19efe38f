use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::ACCEPT_ENCODING};
use url::Url;

use super::{
    TransportError, TransportErrorKind,
    client::{HttpClient, Idempotent, ResponseLimits, Transport},
    dns::RotatingResolver,
    proxy::is_never_proxied,
    reqwest_error::{classified, from_reqwest},
    response::{encoding, read, without_body},
    tls,
};
use crate::{CaCertificates, hedged};

/// The time for a connection, TLS included; the addresses of a host share it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The part of a safe request's time after which it is sent again on another connection.
const HEAD_START: f64 = 0.4;

/// The default `User-Agent`.
pub const USER_AGENT: &str = concat!("tower-passport/", env!("CARGO_PKG_VERSION"));

type Settings = Box<dyn Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync>;

/// The default [`HttpClient`], on reqwest.
///
/// Each request has a new HTTP/1.1 connection, which is closed after the response: requests to an
/// issuer are rare, and a pooled connection that has died would cost more than a handshake. A
/// connection may take 5 s, which the addresses of the host share. A safe request (`GET`, for
/// example), or one that is [`Idempotent`], that has no response after two fifths of its time limit
/// is sent a second time, on another connection.
///
/// Redirects are not followed and nothing is decompressed. Requests say
/// `User-Agent: tower-passport/<version>` and `Accept-Encoding: identity`. The system's proxy is
/// used for `https`, but never for loopback hosts, nor for the link-local addresses (and AWS's
/// `fd00:ec2::/32`) at which clouds tell a machine who it is: a machine's secrets must not leave
/// it.
///
/// A client is built when a host of its kind is first met, so that a Passport on plain loopback
/// needs no root certificates on the machine.
pub struct ReqwestHttpClient {
    settings: Settings,
    ca: Option<CaCertificates>,
    remote: OnceLock<reqwest::Client>,
    local: OnceLock<reqwest::Client>,
    plain: OnceLock<reqwest::Client>,
}

impl ReqwestHttpClient {
    /// Creates a transport with reqwest's defaults for TLS.
    #[must_use]
    pub fn new() -> Self {
        Self::configured(|builder| builder)
    }

    /// Creates a transport with settings of your own, such as a proxy, another `User-Agent`, or a
    /// client certificate. The rules of [`ReqwestHttpClient`] on connections, redirects and compression
    /// are applied after them and cannot be undone.
    #[must_use]
    pub fn configured(
        settings: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        Self {
            settings: Box::new(settings),
            ca: None,
            remote: OnceLock::new(),
            local: OnceLock::new(),
            plain: OnceLock::new(),
        }
    }

    /// Trusts `ca` beside the system's root certificates.
    #[must_use]
    pub fn with_ca(self, ca: CaCertificates) -> Self {
        Self { ca: Some(ca), ..self }
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, TransportError> {
        match (url.scheme(), is_never_proxied(url)) {
            ("https", false) => built(&self.remote, || self.configure()),
            ("https", true) => built(&self.local, || self.configure().no_proxy()),
            _ => built(&self.plain, || tls::without_roots(self.configure().no_proxy())),
        }
    }

    /// Applies first the defaults, then the user's settings, then the rules.
    fn configure(&self) -> reqwest::ClientBuilder {
        let defaults = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(Arc::new(RotatingResolver::default()));
        tls::trusting(self.ca.as_ref(), (self.settings)(defaults))
            .http1_only()
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
    }

    async fn send(
        &self,
        mut request: Request<Bytes>,
        limits: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        let decodes_itself = request.headers().contains_key(ACCEPT_ENCODING);
        if !decodes_itself {
            request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let request = reqwest::Request::try_from(request)
            .map_err(|error| from_reqwest(TransportErrorKind::Setup, error))?;
        let response = self.client_for(request.url())?.execute(request).await.map_err(classified)?;
        match encoding(response.headers()).filter(|_| !decodes_itself) {
            // The status says enough: a page of a proxy in maintenance, most likely.
            Some(_) if response.status().is_server_error() => Ok(without_body(response)),
            Some(encoding) => Err(TransportError::new(TransportErrorKind::UnexpectedEncoding(encoding))),
            None => read(response, limits).await,
        }
    }
}

/// Returns the client of `cell`. A failed build is not kept: root certificates may be mounted late.
fn built(
    cell: &OnceLock<reqwest::Client>,
    configured: impl Fn() -> reqwest::ClientBuilder,
) -> Result<&reqwest::Client, TransportError> {
    if let Some(client) = cell.get() {
        return Ok(client);
    }
    let client = configured().build().map_err(|error| from_reqwest(TransportErrorKind::Setup, error))?;
    Ok(cell.get_or_init(|| client))
}

impl HttpClient for ReqwestHttpClient {
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        if !request.method().is_safe() && request.extensions().get::<Idempotent>().is_none() {
            return self.send(request, limits).await;
        }
        let again = self.send(request.clone(), limits);
        let is_settled = |outcome: &Result<_, TransportError>| {
            !outcome.as_ref().is_err_and(TransportError::may_pass_on_another_connection)
        };
        let head_start = limits.timeout.mul_f64(HEAD_START);
        match hedged(head_start, self.send(request, limits), again, is_settled).await {
            Ok(outcome) | Err((_, outcome)) => outcome,
        }
    }
}

impl fmt::Debug for ReqwestHttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestHttpClient").field("ca", &self.ca).finish_non_exhaustive()
    }
}

impl Default for ReqwestHttpClient {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for Transport {
    /// Creates an [`ReqwestHttpClient`]. Clone it to share its client, which holds the root
    /// certificates.
    fn default() -> Self {
        Self::new(ReqwestHttpClient::new())
    }
}
