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

/// The time limit for connecting, including the TLS handshake. All addresses of a host share
/// this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The fraction of a request's time limit after which a safe or [`Idempotent`] request without a
/// response is sent a second time, on another connection.
const HEAD_START: f64 = 0.4;

/// The default value of the `User-Agent` header of requests: `tower-passport/<version>`.
pub const USER_AGENT: &str = concat!("tower-passport/", env!("CARGO_PKG_VERSION"));

type Settings = Box<dyn Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync>;

/// The default [`HttpClient`], based on reqwest.
///
/// **Connections.** Each request uses a new HTTP/1.1 connection, which is closed after the
/// response. Requests to an issuer are rare, and detecting a dead pooled connection would cost
/// more than a handshake. Connecting is limited to 5 s for all addresses of a host together.
///
/// **Hedging.** A safe request (such as `GET`), or a request with the extension [`Idempotent`],
/// is sent a second time, on another connection, if there is no response after 40 % of its time
/// limit.
///
/// **Protocol.** Redirects are not followed, and responses are not decompressed. Requests have
/// the headers `User-Agent: tower-passport/<version>` and `Accept-Encoding: identity`.
///
/// **Proxy.** Requests with `https` use the system's proxy. Requests with `http` use no proxy.
/// Loopback hosts and the addresses of cloud metadata services (link-local, and `fd00:ec2::/32`
/// of AWS) are requested without a proxy, because credentials of the machine must not be sent to
/// a proxy.
///
/// **TLS.** The underlying reqwest clients are built at the first request that needs them. A
/// Passport on plain `http` with a loopback host needs no root certificates on the machine.
pub struct ReqwestHttpClient {
    settings: Settings,
    ca: Option<CaCertificates>,
    /// The client for `https` URLs, with the system's proxy.
    remote: OnceLock<reqwest::Client>,
    /// The client for `https` URLs that bypass the proxy.
    local: OnceLock<reqwest::Client>,
    /// The client for `http` URLs, without a proxy and without root certificates.
    plain: OnceLock<reqwest::Client>,
}

impl ReqwestHttpClient {
    /// Creates a client with reqwest's defaults for TLS.
    #[must_use]
    pub fn new() -> Self {
        Self::configured(|builder| builder)
    }

    /// Creates a client with additional `settings`, such as a proxy, another `User-Agent`, or a
    /// client certificate. The rules of [`ReqwestHttpClient`] for connections, redirects and
    /// compression are applied after `settings` and cannot be overridden.
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

    /// Trusts `ca` in addition to the system's root certificates.
    #[must_use]
    pub fn with_ca(self, ca: CaCertificates) -> Self {
        Self { ca: Some(ca), ..self }
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, TransportError> {
        match (url.scheme(), is_never_proxied(url)) {
            ("https", false) => built(&self.remote, || tls::seeded(self.configure())),
            ("https", true) => built(&self.local, || tls::seeded(self.configure().no_proxy())),
            _ => built(&self.plain, || tls::without_roots(self.configure().no_proxy())),
        }
    }

    /// Applies the defaults, then the user's settings, then the rules that cannot be overridden.
    fn configure(&self) -> reqwest::ClientBuilder {
        let defaults = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(Arc::new(RotatingResolver::default()));
        tls::with_ca(self.ca.as_ref(), (self.settings)(defaults))
            .http1_only()
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
    }

    async fn send_once(
        &self,
        mut request: Request<Bytes>,
        limits: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        let caller_decodes = request.headers().contains_key(ACCEPT_ENCODING);
        if !caller_decodes {
            request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let request = reqwest::Request::try_from(request)
            .map_err(|error| from_reqwest(TransportErrorKind::Setup, error))?;
        let response = self.client_for(request.url())?.execute(request).await.map_err(classified)?;
        match encoding(response.headers()).filter(|_| !caller_decodes) {
            // This is most likely the error page of a proxy. The status of the response is
            // sufficient, so the body is dropped.
            Some(_) if response.status().is_server_error() => Ok(without_body(response)),
            Some(encoding) => Err(TransportError::new(TransportErrorKind::UnexpectedEncoding(encoding))),
            None => read(response, limits).await,
        }
    }
}

/// Returns the client in `cell`. The client is built at its first use. If building fails, the
/// failure is not stored, because missing root certificates can be mounted later.
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
            return self.send_once(request, limits).await;
        }
        let second = self.send_once(request.clone(), limits);
        let is_settled = |outcome: &Result<_, TransportError>| {
            !outcome.as_ref().is_err_and(TransportError::is_retryable_on_a_new_connection)
        };
        let head_start = limits.timeout.mul_f64(HEAD_START);
        match hedged(head_start, self.send_once(request, limits), second, is_settled).await {
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
    /// Creates a transport with a new [`ReqwestHttpClient`]. Clone the transport to share this
    /// client and its root certificates.
    fn default() -> Self {
        Self::new(ReqwestHttpClient::new())
    }
}
