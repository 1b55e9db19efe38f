//! Vault's token: fetched when it is needed, renewed while Vault allows it, replaced when it has
//! ended.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use passport_core::{Secret, SecretErrorKind};
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};

use super::{
    api::{Api, GrantedToken, TokenLease},
    auth::VaultAuth,
    failure::VaultError,
};
use crate::metrics::TARGET;

/// A token with less time to live is neither used nor renewed: near the end of its maximum life,
/// Vault grants less and less.
const REMAINS: Duration = Duration::from_secs(5);

/// The least time between two logins that rejections cause. A token without the permission to look
/// itself up would cause one at each rejection.
const REPLACE_INTERVAL: Duration = Duration::from_secs(60);

/// The current token, shared by all reads.
#[derive(Debug)]
pub(super) struct Sessions {
    api: Api,
    auth: VaultAuth,
    /// Locked during a login: concurrent callers wait for its token.
    current: tokio::sync::Mutex<CurrentSession>,
}

#[derive(Debug, Default)]
struct CurrentSession {
    session: Option<Arc<Session>>,
    replaced_at: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Session {
    granted: Option<GrantedToken>,
    end: Arc<SessionExpiry>,
    renewal: Option<AbortHandle>,
}

/// When a token ends. `None` for never.
#[derive(Debug)]
struct SessionExpiry(Mutex<Option<Instant>>);

impl Sessions {
    pub(super) fn new(api: Api, auth: VaultAuth) -> Self {
        Self { api, auth, current: tokio::sync::Mutex::default() }
    }

    /// Returns the current token, or logs in.
    ///
    /// # Cancel safety
    /// Dropping the future ends its login; the next caller begins another.
    pub(super) async fn current(&self) -> Result<Arc<Session>, VaultError> {
        let mut current = self.current.lock().await;
        if let Some(session) = current.session.as_ref().filter(|session| session.end.remains(Instant::now()))
        {
            return Ok(Arc::clone(session));
        }
        self.begin(&mut current).await
    }

    /// Returns the successor of a rejected token. `None` if Vault says that the token is good: it
    /// lacks the permission to read the secret then.
    pub(super) async fn replaced(&self, refused: &Arc<Session>) -> Result<Option<Arc<Session>>, VaultError> {
        let mut current = self.current.lock().await;
        if let Some(other) = current.session.as_ref().filter(|current| !Arc::ptr_eq(current, refused)) {
            return Ok(Some(Arc::clone(other)));
        }
        let Some(token) = refused.token() else { return Ok(None) };
        match self.api.look_up(token).await {
            Ok(_) => return Ok(None),
            Err(failure) if failure.kind == SecretErrorKind::Forbidden => {}
            Err(failure) => return Err(failure.of_login()),
        }
        if self.auth.mount().is_some()
            && current.replaced_at.is_some_and(|at| at.elapsed() < REPLACE_INTERVAL)
        {
            let reason = "it was got a moment ago, and is refused";
            return Err(VaultError::new(SecretErrorKind::Unauthenticated, reason).of_login());
        }
        current.replaced_at = Some(Instant::now());
        self.begin(&mut current).await.map(Some)
    }

    /// Logs in. The previous token is kept if the login fails.
    async fn begin(&self, current: &mut CurrentSession) -> Result<Arc<Session>, VaultError> {
        let session = Arc::new(Session::begin(&self.api, &self.auth).await?);
        current.session = Some(Arc::clone(&session));
        Ok(session)
    }
}

impl Session {
    async fn begin(api: &Api, auth: &VaultAuth) -> Result<Self, VaultError> {
        let granted = auth.log_in(api).await?;
        let lease = granted.as_ref().map(|granted| granted.lease).unwrap_or_default();
        if granted.is_some() {
            let (seconds, is_renewable) = (lease.time.as_secs(), lease.is_renewable);
            tracing::debug!(
                target: TARGET,
                seconds,
                is_renewable,
                "there is a new token to read secrets with"
            );
        }
        let end = Arc::new(SessionExpiry::of(lease));
        let renewal = granted.as_ref().filter(|_| lease.is_renewable && !lease.time.is_zero());
        let renewal = renewal.map(|granted| {
            let renewed = renewed(api.clone(), granted.token.clone(), lease, Arc::clone(&end));
            tokio::spawn(renewed).abort_handle()
        });
        Ok(Self { granted, end, renewal })
    }

    /// `None` if an agent adds the token.
    pub(super) fn token(&self) -> Option<&Secret> {
        self.granted.as_ref().map(|granted| &granted.token)
    }

    /// Whether Vault has said that the token is good, so that a refusal is not of the token.
    pub(super) fn is_vouched(&self) -> bool {
        self.granted.as_ref().is_some_and(|granted| granted.is_vouched)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
    }
}

/// Renews the token when two thirds of its lease are over, for as long as Vault does it.
///
/// The next caller cannot do it: it may come after hours, and a login may need a credential that is
/// good for one login only.
async fn renewed(api: Api, token: Secret, mut lease: TokenLease, end: Arc<SessionExpiry>) {
    while lease.is_renewable && lease.time > REMAINS {
        sleep(lease.time * 2 / 3).await;
        match api.renew(&token).await {
            Ok(granted) => {
                lease = granted;
                end.set(lease);
            }
            Err(failure) => {
                tracing::warn!(target: TARGET, "the token to read secrets with was not renewed: {failure}");
                if failure.kind == SecretErrorKind::Forbidden {
                    return end.set(TokenLease { time: Duration::from_nanos(1), is_renewable: false });
                }
                lease.time = end.remaining(Instant::now());
            }
        }
    }
}

impl SessionExpiry {
    fn of(lease: TokenLease) -> Self {
        let end = Self(Mutex::default());
        end.set(lease);
        end
    }

    fn set(&self, lease: TokenLease) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(lease.time).filter(|time| !time.is_zero()).map(|time| Instant::now() + time);
    }

    fn remains(&self, now: Instant) -> bool {
        self.get().is_none_or(|end| now + REMAINS < end)
    }

    fn remaining(&self, now: Instant) -> Duration {
        self.get().map_or(Duration::ZERO, |end| end.saturating_duration_since(now))
    }

    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
