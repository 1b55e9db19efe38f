//! The address of a sidecar.

use std::{fmt, net::SocketAddr};

use passport_core::{ReqwestHttpClient, SecretSource, Transport};
use url::{Host, Url};

/// The address of a sidecar (`passport-sidecar`), and optionally the token by which the sidecar
/// authenticates the service.
///
/// The sidecar must be on the same machine. Its address is a Unix socket or a loopback address.
/// Names are not resolved by DNS, because DNS could return the address of another host.
///
/// ```
/// use passport_outbound::{ManagedIdentity, SidecarEndpoint};
///
/// let sidecar = SidecarEndpoint::new("unix:///run/passport/sidecar.sock")?;
/// let identity = ManagedIdentity::via_sidecar("mi-erp-sync-clientid", sidecar).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SidecarEndpoint {
    pub(super) base: Url,
    pub(super) transport: Transport,
    pub(super) auth_token: Option<SecretSource>,
}

impl SidecarEndpoint {
    /// Creates an endpoint for `unix:///path/to/sidecar.sock` or `http://127.0.0.1:port`. Opens no
    /// connection.
    ///
    /// # Errors
    /// When `endpoint` has another form, or when its host is not this machine.
    pub fn new(endpoint: &str) -> Result<Self, InvalidSidecarEndpoint> {
        match endpoint.strip_prefix("unix://") {
            Some(path) => Self::on_unix(path),
            None => Self::on_loopback(endpoint),
        }
    }

    #[cfg(unix)]
    fn on_unix(path: &str) -> Result<Self, InvalidSidecarEndpoint> {
        if !path.starts_with('/') {
            return Err(InvalidSidecarEndpoint(
                "expected three slashes before the path of a Unix socket: unix:///run/passport/sidecar.sock",
            ));
        }
        let path = path.to_owned();
        let transport = ReqwestHttpClient::configured(move |settings| settings.unix_socket(path.as_str()));
        let base = Url::parse("http://localhost/").map_err(|_| InvalidSidecarEndpoint("invalid URL"))?;
        Ok(Self { base, transport: Transport::new(transport), auth_token: None })
    }

    #[cfg(not(unix))]
    fn on_unix(_path: &str) -> Result<Self, InvalidSidecarEndpoint> {
        Err(InvalidSidecarEndpoint(
            "Unix sockets are not supported on this platform: use http://127.0.0.1:port",
        ))
    }

    fn on_loopback(endpoint: &str) -> Result<Self, InvalidSidecarEndpoint> {
        const UNEXPECTED: InvalidSidecarEndpoint =
            InvalidSidecarEndpoint("expected unix:///path or http://127.0.0.1:port, on this machine");
        let base = Url::parse(endpoint).map_err(|_| UNEXPECTED)?;
        let is_loopback = match base.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let is_origin = base.path() == "/" && base.query().is_none() && base.username().is_empty();
        if !is_loopback || base.scheme() != "http" || !is_origin || base.fragment().is_some() {
            return Err(UNEXPECTED);
        }
        // A fixed address, because DNS could return the address of another host.
        let transport = ReqwestHttpClient::configured(|settings| {
            let loopback =
                [SocketAddr::from(([127, 0, 0, 1], 0)), SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0))];
            settings.resolve_to_addrs("localhost", &loopback)
        });
        Ok(Self { base, transport: Transport::new(transport), auth_token: None })
    }

    /// Sets the token by which the sidecar authenticates this service on TCP. The token is read for
    /// each request, so that it can be rotated without a restart. Defaults to no token: on a Unix
    /// socket, the kernel identifies the process that connects.
    #[must_use]
    pub fn auth_token(mut self, token: SecretSource) -> Self {
        self.auth_token = Some(token);
        self
    }
}

impl fmt::Debug for SidecarEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SidecarEndpoint").field("auth_token", &self.auth_token).finish_non_exhaustive()
    }
}

/// The error of [`SidecarEndpoint::new`]: the text is not the address of a sidecar on this
/// machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid sidecar endpoint: {0}")]
pub struct InvalidSidecarEndpoint(&'static str);

#[cfg(test)]
mod tests;
