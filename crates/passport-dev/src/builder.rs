use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use passport_core::{Clock, InvalidIssuer, Issuer, SystemClock};
use tokio::{net::TcpListener, sync::watch};

use crate::{DevPassport, keys::SigningKeys, serve::serve, server_state::ServerState};

/// Settings of a [`DevPassport`].
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
    /// Where to listen. A free port of 127.0.0.1 by default.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Lets the address be one that other machines and containers reach, such as `0.0.0.0`. Needs
    /// an [`issuer`](Self::issuer).
    ///
    /// **Danger:** a client that reaches the address and knows a secret gets tokens, and plain
    /// `http` shows both to the network. For the private network of docker compose, kind or a test.
    pub fn danger_any_address(mut self) -> Self {
        self.any_address = true;
        self
    }

    /// The issuer: what tokens and discovery say, and the URL by which clients reach this Passport.
    /// Defaults to `http://` and the address.
    pub fn issuer(mut self, url: impl Into<String>) -> Self {
        self.issuer = Some(url.into());
        self
    }

    /// The audience of the tokens. `bizfirstgo-api` by default, as Passport's managed identities
    /// have it.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// How long tokens last, in whole seconds. 3600 s by default, as Passport's managed identities
    /// have it.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Where `iat` and `exp` come from. The operating system's clock by default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Generates the first signing key, binds and serves.
    ///
    /// # Errors
    /// When the issuer is not one, the address cannot be bound, or it is not a loopback address and
    /// [`danger_any_address`](Self::danger_any_address) or the issuer is missing.
    pub async fn start(self) -> Result<DevPassport, StartError> {
        let is_private = self.address.ip().is_loopback();
        if !is_private && (!self.any_address || self.issuer.is_none()) {
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
        Ok(DevPassport { address, state, stop, server })
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

/// Why the dev Passport did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be bound.
    #[error("cannot listen on {address} ({source}); another address, or port 0 for a free one, may do")]
    Bind {
        /// What was to be bound.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The issuer is not a URL that a Passport can have.
    #[error("issuer: {0}")]
    Issuer(#[from] InvalidIssuer),
    /// Not a loopback address.
    #[error(
        "{0} is not a loopback address; to serve other machines or containers, give the URL by which they \
         reach this Passport: --issuer http://passport:8090, in code issuer(..) and danger_any_address()"
    )]
    NotLoopback(SocketAddr),
}

#[cfg(test)]
mod tests;
