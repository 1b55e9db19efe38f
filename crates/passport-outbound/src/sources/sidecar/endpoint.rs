use std::{fmt, net::SocketAddr};

use passport_core::{ReqwestHttpClient, SecretSource, Transport};
use url::{Host, Url};

/// The address of a sidecar (`passport-sidecar`), and the token that it requires.
///
/// It is on this machine: a Unix socket, or a loopback address. Names are not resolved, so that no
/// other host can take its place.
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
    pub(super) caller_token: Option<SecretSource>,
}

impl SidecarEndpoint {
    /// Connects to the sidecar at `unix:///path/of/its.sock` or `http://127.0.0.1:port`.
    ///
    /// # Errors
    /// When `endpoint` is neither, or not on this machine.
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
                "a Unix socket has three slashes before its path: unix:///run/passport/sidecar.sock",
            ));
        }
        let path = path.to_owned();
        let transport = ReqwestHttpClient::configured(move |settings| settings.unix_socket(path.as_str()));
        let base = Url::parse("http://localhost/").map_err(|_| InvalidSidecarEndpoint("it is not a URL"))?;
        Ok(Self { base, transport: Transport::new(transport), caller_token: None })
    }

    #[cfg(not(unix))]
    fn on_unix(_path: &str) -> Result<Self, InvalidSidecarEndpoint> {
        Err(InvalidSidecarEndpoint("there are no Unix sockets here; use http://127.0.0.1:port"))
    }

    fn on_loopback(endpoint: &str) -> Result<Self, InvalidSidecarEndpoint> {
        const WRONG: InvalidSidecarEndpoint =
            InvalidSidecarEndpoint("a sidecar is at unix:///path or http://127.0.0.1:port, on this machine");
        let base = Url::parse(endpoint).map_err(|_| WRONG)?;
        let is_here = match base.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let is_plain = base.path() == "/" && base.query().is_none() && base.username().is_empty();
        if !is_here || base.scheme() != "http" || !is_plain || base.fragment().is_some() {
            return Err(WRONG);
        }
        // Never resolved by DNS, which could return another address.
        let transport = ReqwestHttpClient::configured(|settings| {
            let here =
                [SocketAddr::from(([127, 0, 0, 1], 0)), SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0))];
            settings.resolve_to_addrs("localhost", &here)
        });
        Ok(Self { base, transport: Transport::new(transport), caller_token: None })
    }

    /// Sets the token of this service, which the sidecar requires on TCP. It is read for each
    /// request, as it may be rotated. Defaults to none: on a Unix socket, the kernel identifies the
    /// caller.
    #[must_use]
    pub fn caller_token(mut self, token: SecretSource) -> Self {
        self.caller_token = Some(token);
        self
    }
}

impl fmt::Debug for SidecarEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SidecarEndpoint").field("caller_token", &self.caller_token).finish_non_exhaustive()
    }
}

/// The text is not the address of a sidecar on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the address of a sidecar: {0}")]
pub struct InvalidSidecarEndpoint(&'static str);

#[cfg(test)]
mod tests;
