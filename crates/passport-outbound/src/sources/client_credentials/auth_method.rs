//! How a client proves to the token endpoint who it is, and which of the ways is taken.

use std::{
    error::Error,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use passport_core::{Issuer, Transport, discover};
use tokio::time::{Instant, timeout};

use super::events;

/// How an identity proves to Passport who it is
/// ([RFC 6749, section 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// The secret in a Basic header, form-encoded first, as the RFC has it. For the characters of Passport's own ids and secrets
    /// that makes no difference.
    ClientSecretBasic,
    /// The secret in a Basic header as it is, for servers that do not decode it. A colon in the client id is refused.
    ClientSecretBasicRaw,
    /// The secret in the body.
    ClientSecretPost,
    /// An assertion that is signed with a private key, which takes the place of the secret: its reference leads to a PEM file
    /// (PKCS#8). The key stays here; each assertion is good for one request within a minute
    /// ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523)).
    PrivateKeyJwt(PrivateKeyJwt),
}

/// What a [`ClientAuthentication::PrivateKeyJwt`] is signed with, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateKeyJwt {
    pub(super) algorithm: SigningAlgorithm,
    pub(super) key_id: Option<String>,
    pub(super) audience: Option<String>,
}

/// The algorithm of a signature ([RFC 7518, section 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// RSA, PKCS#1 v1.5, SHA-256. For a key of 2048 bits or more.
    Rs256,
    /// RSA, PSS, SHA-256. For a key of 2048 bits or more.
    Ps256,
    /// ECDSA on P-256, SHA-256.
    Es256,
}

impl PrivateKeyJwt {
    /// Signed by `algorithm`, for the token endpoint.
    #[must_use]
    pub fn new(algorithm: SigningAlgorithm) -> Self {
        Self { algorithm, key_id: None, audience: None }
    }

    /// Names the key (`kid`), so that Passport need not try all that it knows of this client. None by default.
    #[must_use]
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// Whom the assertion is for (`aud`). Defaults to the token URL; some servers want their issuer's.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }
}

impl From<PrivateKeyJwt> for ClientAuthentication {
    fn from(signed: PrivateKeyJwt) -> Self {
        Self::PrivateKeyJwt(signed)
    }
}

/// The timeout of each request for the discovery document.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer of the issuer is believed; one that was wrong for a while is not believed for longer.
const BELIEVED: Duration = Duration::from_secs(3600);

/// How long the issuer is not asked again when there was no answer.
const LEFT_ALONE: Duration = Duration::from_secs(30);

/// What was chosen, or who is to be asked what to choose.
pub(crate) enum AuthMethodSelection {
    Fixed(ClientAuthentication),
    /// By secret, as this issuer wants it.
    Discovered(Box<DiscoveredMethod>),
}

/// What an issuer wants, as far as it has said so.
pub(crate) struct DiscoveredMethod {
    issuer: Issuer,
    known: Mutex<DiscoveryState>,
    /// Whoever asks has it, so that others wait for the same answer; for as long as they would wait for one of their own. What
    /// is known does not depend on it: it may be held on a runtime that nobody drives.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct DiscoveryState {
    way: SelectedMethod,
    /// When the issuer has said so.
    since: Option<Instant>,
    /// From when on it is asked again.
    due: Option<Instant>,
}

/// The way to take, and which of the issuer's answers it is; 0 is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SelectedMethod {
    pub(super) method: ClientAuthentication,
    answer: u64,
}

impl AuthMethodSelection {
    /// `issuer` is whom to ask, if anybody.
    pub(crate) fn new(chosen: Option<ClientAuthentication>, issuer: Option<&Issuer>) -> Self {
        match (chosen, issuer) {
            (Some(chosen), _) => Self::Fixed(chosen),
            (None, Some(issuer)) => Self::Discovered(Box::new(DiscoveredMethod::of(issuer.clone()))),
            (None, None) => Self::Fixed(ClientAuthentication::ClientSecretBasic),
        }
    }

    /// A name for it that is the same for all instances of a service.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Fixed(ClientAuthentication::PrivateKeyJwt(_)) => "private_key_jwt",
            Self::Fixed(_) | Self::Discovered(_) => "client_secret",
        }
    }

    /// The way to take now. It takes `patience` at most; without an answer it is as it was before, and Basic at first.
    pub(super) async fn way(&self, transport: &Transport, patience: Duration) -> SelectedMethod {
        match self {
            Self::Fixed(chosen) => SelectedMethod { method: chosen.clone(), answer: 0 },
            Self::Discovered(wishes) => wishes.way(transport, patience).await,
        }
    }

    /// Proof in this way was refused. If the issuer has said that it was to be given so, it is asked again, unless it has said
    /// so just now.
    pub(super) fn doubt(&self, way: &SelectedMethod) {
        if let Self::Discovered(wishes) = self {
            wishes.doubt(way);
        }
    }
}

impl DiscoveredMethod {
    fn of(issuer: Issuer) -> Self {
        let way = SelectedMethod { method: ClientAuthentication::ClientSecretBasic, answer: 0 };
        let known = Mutex::new(DiscoveryState { way, since: None, due: None });
        Self { issuer, known, asking: tokio::sync::Mutex::default() }
    }

    async fn way(&self, transport: &Transport, patience: Duration) -> SelectedMethod {
        if let Some(way) = self.fresh() {
            return way;
        }
        let asked = timeout(patience, async {
            let _turn = self.asking.lock().await;
            // Whoever had the turn before may have brought an answer.
            match self.fresh() {
                Some(way) => way,
                None => self.ask(transport).await,
            }
        });
        asked.await.unwrap_or_else(|late| self.unanswered(&late))
    }

    async fn ask(&self, transport: &Transport) -> SelectedMethod {
        match discover(transport, &self.issuer, DISCOVERY_TIMEOUT).await {
            Err(error) => self.unanswered(&error),
            Ok(metadata) => {
                let (mut known, now) = (self.known(), Instant::now());
                known.way.method = chosen_from(&metadata.client_authentication);
                known.way.answer += 1;
                known.since = Some(now);
                known.due = Some(now + BELIEVED);
                known.way.clone()
            }
        }
    }

    fn unanswered(&self, error: &(dyn Error + 'static)) -> SelectedMethod {
        events::auth_methods_unknown(&self.issuer, error);
        let (mut known, now) = (self.known(), Instant::now());
        if known.due.is_none_or(|due| due <= now) {
            known.due = Some(now + LEFT_ALONE);
        }
        known.way.clone()
    }

    fn fresh(&self) -> Option<SelectedMethod> {
        let known = self.known();
        known.due.is_some_and(|due| due > Instant::now()).then(|| known.way.clone())
    }

    fn doubt(&self, way: &SelectedMethod) {
        let mut known = self.known();
        let is_settled = known.since.is_some_and(|since| since + LEFT_ALONE <= Instant::now());
        if known.way == *way && is_settled {
            known.due = None;
        }
    }

    fn known(&self) -> MutexGuard<'_, DiscoveryState> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first of the ways to show a secret that the issuer takes. Basic if it names none: that is what it means by it
/// ([RFC 8414, section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2)).
fn chosen_from(supported: &[String]) -> ClientAuthentication {
    let has = |method: &str| supported.iter().any(|supported| supported == method);
    if has("client_secret_post") && !has("client_secret_basic") {
        ClientAuthentication::ClientSecretPost
    } else {
        ClientAuthentication::ClientSecretBasic
    }
}

#[cfg(test)]
mod tests;
