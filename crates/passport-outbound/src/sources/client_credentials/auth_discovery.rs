//! Selects the client authentication by the issuer's discovery document.

use std::{
    error::Error,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use passport_core::{Issuer, Transport, discover};
use tokio::time::{Instant, timeout};

use super::{auth_method::ClientAuthentication, events};

/// The timeout of each request for the discovery document.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a discovery document is trusted.
const DISCOVERY_TTL: Duration = Duration::from_secs(3600);

/// The pause after a failed discovery.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// The configured method, or the issuer whose discovery document names it.
pub(crate) enum AuthMethodSelection {
    Fixed(ClientAuthentication),
    /// A secret, by the method that the issuer supports.
    Discovered(Box<DiscoveredMethod>),
}

/// The method that an issuer supports, by its discovery document.
pub(crate) struct DiscoveredMethod {
    issuer: Issuer,
    state: Mutex<DiscoveryState>,
    /// Held during a discovery, so that other calls wait for its result, as long as for one of
    /// their own. A stalled runtime may hold it for ever, so the state has another lock.
    discovery: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct DiscoveryState {
    selected: SelectedMethod,
    /// The time of the last document.
    since: Option<Instant>,
    /// The time of the next discovery.
    due: Option<Instant>,
}

/// The method to use, and the number of the document that names it; 0 is the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SelectedMethod {
    pub(super) method: ClientAuthentication,
    version: u64,
}

impl AuthMethodSelection {
    /// Selects the `chosen` method, or that of the discovery document of `issuer`.
    pub(crate) fn new(chosen: Option<ClientAuthentication>, issuer: Option<&Issuer>) -> Self {
        match (chosen, issuer) {
            (Some(chosen), _) => Self::Fixed(chosen),
            (None, Some(issuer)) => Self::Discovered(Box::new(DiscoveredMethod::of(issuer.clone()))),
            (None, None) => Self::Fixed(ClientAuthentication::ClientSecretBasic),
        }
    }

    /// Returns a name for it that is the same for all instances of a service.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Fixed(ClientAuthentication::PrivateKeyJwt(_)) => "private_key_jwt",
            Self::Fixed(_) | Self::Discovered(_) => "client_secret",
        }
    }

    /// Selects the method within `timeout`. If the discovery fails, the last method stays in use,
    /// which is Basic at first.
    pub(super) async fn select(&self, transport: &Transport, timeout: Duration) -> SelectedMethod {
        match self {
            Self::Fixed(chosen) => SelectedMethod { method: chosen.clone(), version: 0 },
            Self::Discovered(method) => method.select(transport, timeout).await,
        }
    }

    /// Records that the method was rejected. A discovered method is discovered again, unless that
    /// has just happened.
    pub(super) fn report_rejected(&self, selected: &SelectedMethod) {
        if let Self::Discovered(method) = self {
            method.report_rejected(selected);
        }
    }
}

impl DiscoveredMethod {
    fn of(issuer: Issuer) -> Self {
        let selected = SelectedMethod { method: ClientAuthentication::ClientSecretBasic, version: 0 };
        let state = Mutex::new(DiscoveryState { selected, since: None, due: None });
        Self { issuer, state, discovery: tokio::sync::Mutex::default() }
    }

    async fn select(&self, transport: &Transport, limit: Duration) -> SelectedMethod {
        if let Some(selected) = self.fresh() {
            return selected;
        }
        let discovered = timeout(limit, async {
            let _discovery = self.discovery.lock().await;
            // The call that held the lock before may have discovered the method.
            match self.fresh() {
                Some(selected) => selected,
                None => self.discover(transport).await,
            }
        });
        discovered.await.unwrap_or_else(|late| self.failed(&late))
    }

    async fn discover(&self, transport: &Transport) -> SelectedMethod {
        match discover(transport, &self.issuer, DISCOVERY_TIMEOUT).await {
            Err(error) => self.failed(&error),
            Ok(metadata) => {
                let (mut state, now) = (self.state(), Instant::now());
                state.selected.method = first_supported(&metadata.client_authentication);
                state.selected.version += 1;
                state.since = Some(now);
                state.due = Some(now + DISCOVERY_TTL);
                state.selected.clone()
            }
        }
    }

    /// Returns the last method, and delays the next discovery.
    fn failed(&self, error: &(dyn Error + 'static)) -> SelectedMethod {
        events::auth_methods_unknown(&self.issuer, error);
        let (mut state, now) = (self.state(), Instant::now());
        if state.due.is_none_or(|due| due <= now) {
            state.due = Some(now + RETRY_AFTER);
        }
        state.selected.clone()
    }

    /// Returns the method, unless a discovery is due.
    fn fresh(&self) -> Option<SelectedMethod> {
        let state = self.state();
        state.due.is_some_and(|due| due > Instant::now()).then(|| state.selected.clone())
    }

    fn report_rejected(&self, selected: &SelectedMethod) {
        let mut state = self.state();
        let is_settled = state.since.is_some_and(|since| since + RETRY_AFTER <= Instant::now());
        if state.selected == *selected && is_settled {
            state.due = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, DiscoveryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the first method for a secret that the issuer supports. Basic if it names none, which is
/// the default ([RFC 8414, section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2)).
fn first_supported(supported: &[String]) -> ClientAuthentication {
    let has = |method: &str| supported.iter().any(|supported| supported == method);
    if has("client_secret_post") && !has("client_secret_basic") {
        ClientAuthentication::ClientSecretPost
    } else {
        ClientAuthentication::ClientSecretBasic
    }
}

#[cfg(test)]
mod tests;
