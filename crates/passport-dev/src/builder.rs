use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use passport_core::{Clock, SystemClock};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    DevPassport,
    keys::{KeyRing, SigningKey, kid},
    serve::serve,
    shared::Shared,
};

/// Settings of a [`DevPassport`].
#[derive(Debug)]
#[must_use]
pub struct DevPassportBuilder {
    address: SocketAddr,
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

    /// The audience of the tokens. `bizfirstgo-api` by default, as Passport's managed identities have it.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// How long tokens last, in whole seconds. 3600 s by default, as Passport's managed identities have it.
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
    /// When the address cannot be bound, or is not a loopback address: this Passport gives tokens to anyone who
    /// reads its console, so it serves this machine only.
    pub async fn start(self) -> Result<DevPassport, StartError> {
        if !self.address.ip().is_loopback() {
            return Err(StartError::NotLoopback(self.address));
        }
        let bind = |source| StartError::Bind { address: self.address, source };
        let listener = TcpListener::bind(self.address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let shared = Arc::new(Shared::new(
            format!("http://{address}"),
            self.audience,
            self.clock,
            self.token_lifetime,
            KeyRing::new(SigningKey::generate(kid(1)).await),
        ));
        let (stop, stopped) = watch::channel(());
        let server = tokio::spawn(serve(listener, Arc::clone(&shared), stopped));
        Ok(DevPassport { shared, stop, server })
    }
}

impl Default for DevPassportBuilder {
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
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
    /// Not a loopback address.
    #[error("{0} is not a loopback address; the dev Passport serves this machine only")]
    NotLoopback(SocketAddr),
}
