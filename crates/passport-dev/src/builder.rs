//! The builder of a dev Passport: its settings, their defaults, and starting the server.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use passport_core::{Clock, InvalidIssuer, Issuer, SystemClock, with_causes};
use tokio::{net::TcpListener, runtime::Handle, sync::watch};

use crate::{DevPassport, keys::SigningKeys, serve::serve, server_state::ServerState};

/// A builder of a [`DevPassport`]. All settings have defaults.
#[derive(Debug)]
#[must_use]
pub struct DevPassportBuilder {
    address: SocketAddr,
    any_address: bool,
    issuer: Option<String>,
    audience: String,
    token_lifetime: Duration,
    clock: Arc<dyn Clock>,
}

impl DevPassportBuilder {
    /// Sets the address to listen on. Defaults to a free port of 127.0.0.1.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Allows an [`address`](Self::address) that other hosts and containers can reach, such as
    /// `0.0.0.0`. If the address is not a loopback address, an [`issuer`](Self::issuer) is also
    /// required. By default, only a loopback address is allowed.
    ///
    /// **Danger:** a client that reaches the address and knows a secret gets tokens, and everyone
    /// in the network can read secrets and tokens, because the server uses plain `http`. Use this
    /// only in a private network, such as the network of docker compose, kind or a test.
    pub fn danger_any_address(mut self) -> Self {
        self.any_address = true;
        self
    }

    /// Sets the issuer in tokens and in the discovery document. The issuer must be the URL at which
    /// clients reach this Passport, because the URLs of the endpoints in the discovery document
    /// begin with the issuer. Defaults to `http://` and the address.
    pub fn issuer(mut self, url: impl Into<String>) -> Self {
        self.issuer = Some(url.into());
        self
    }

    /// Sets the audience of the tokens. Defaults to `bizfirstgo-api`, as in Passport's tokens of
    /// managed identities.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// Sets the lifetime of tokens. Fractions of a second are ignored. Defaults to 3600 s, as in
    /// Passport's tokens of managed identities.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Sets the clock of the dev Passport. The clock determines `iat` and `exp` of tokens and the
    /// `Date` of the JWKS response, and whether tokens and assertions have expired. Defaults to the
    /// operating system's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Binds the address, generates the first signing key, and starts the server as a task of the
    /// current tokio runtime.
    ///
    /// # Errors
    /// - [`StartError::Issuer`] if the issuer is not a valid URL;
    /// - [`StartError::Bind`] if the address cannot be bound;
    /// - [`StartError::NotLoopback`] if the address is not a loopback address, unless both
    ///   [`danger_any_address`](Self::danger_any_address) and the issuer are set.
    pub async fn start(self) -> Result<DevPassport, StartError> {
        let is_loopback = self.address.ip().is_loopback();
        if !is_loopback && (!self.any_address || self.issuer.is_none()) {
            return Err(StartError::NotLoopback(self.address));
        }
        self.issuer.as_deref().map(Issuer::danger_plain_http).transpose()?;
        let bind = |source| StartError::Bind { address: self.address, source };
        let listener = TcpListener::bind(self.address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let state = Arc::new(ServerState::new(
            self.issuer.unwrap_or_else(|| format!("http://{address}")),
            self.audience,
            self.clock,
            self.token_lifetime,
            SigningKeys::generate().await,
        ));
        let (stop, stopped) = watch::channel(());
        let server = tokio::spawn(serve(listener, Arc::clone(&state), stopped));
        let (runtime, pushes) = (Handle::current(), Mutex::default());
        Ok(DevPassport { address, state, stop, server, runtime, pushes })
    }
}

impl Default for DevPassportBuilder {
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            any_address: false,
            issuer: None,
            audience: "bizfirstgo-api".to_owned(),
            token_lifetime: Duration::from_secs(3600),
            clock: Arc::new(SystemClock),
        }
    }
}

/// The error of a dev Passport that did not start. `Debug` prints the message and its causes.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source}; choose another address, or port 0 for a free port")]
    Bind {
        /// The address that cannot be bound.
        address: SocketAddr,
        /// Why the operating system cannot bind the address.
        source: io::Error,
    },
    /// The issuer is not a valid URL.
    #[error("issuer: {0}")]
    Issuer(#[from] InvalidIssuer),
    /// The address is not a loopback address, and `danger_any_address` or the issuer is not set.
    #[error(
        "{0} is not a loopback address; to serve other hosts or containers, set the URL at which they reach \
         this Passport: --issuer http://passport:8090, in code issuer(..) and danger_any_address()"
    )]
    NotLoopback(SocketAddr),
}

/// Prints the message and its causes. If `main` returns an error, Rust prints the `Debug` output
/// of the error.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self))
    }
}

#[cfg(test)]
mod tests;
