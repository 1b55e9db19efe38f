//! The current token of Vault: obtained by a login, renewed while Vault allows it, and replaced
//! when it expires or is rejected.

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

/// A token with less remaining lifetime is neither used nor renewed: near its maximum lifetime,
/// Vault extends it by less and less.
const MIN_REMAINING: Duration = Duration::from_secs(5);

/// The minimum time between two logins that rejections cause. Without it, a token that lacks the
/// permission for `lookup-self` would cause a login at each rejection.
const REPLACE_INTERVAL: Duration = Duration::from_secs(60);

/// The current session, shared by all reads.
#[derive(Debug)]
pub(super) struct Sessions {
    api: Api,
    auth: VaultAuth,
    /// Locked during a login, so that concurrent callers share it.
    current: tokio::sync::Mutex<CurrentSession>,
}

#[derive(Debug, Default)]
struct CurrentSession {
    session: Option<Arc<Session>>,
    replaced_at: Option<Instant>,
}

/// A token and the task that renews it.
#[derive(Debug)]
pub(super) struct Session {
    /// `None` if an Agent adds the token.
    granted: Option<GrantedToken>,
    expiry: Arc<SessionExpiry>,
    renewal: Option<AbortHandle>,
}

/// When a token expires. `None` for never.
#[derive(Debug)]
struct SessionExpiry(Mutex<Option<Instant>>);

impl Sessions {
    pub(super) fn new(api: Api, auth: VaultAuth) -> Self {
        Self { api, auth, current: tokio::sync::Mutex::default() }
    }

    /// Returns the current session, or logs in.
    ///
    /// # Cancel safety
    /// Dropping the future cancels its login; the next caller starts another.
    pub(super) async fn current(&self) -> Result<Arc<Session>, VaultError> {
        let mut current = self.current.lock().await;
        if let Some(session) =
            current.session.as_ref().filter(|session| session.expiry.is_valid(Instant::now()))
        {
            return Ok(Arc::clone(session));
        }
        self.log_in(&mut current).await
    }

    /// Replaces the session of a rejected token. Returns `None` if Vault confirms that the token is
    /// valid, because it then lacks the permission to read the secret.
    pub(super) async fn replace_rejected(
        &self,
        rejected: &Arc<Session>,
    ) -> Result<Option<Arc<Session>>, VaultError> {
        let mut current = self.current.lock().await;
        if let Some(other) = current.session.as_ref().filter(|current| !Arc::ptr_eq(current, rejected)) {
            return Ok(Some(Arc::clone(other)));
        }
        let Some(token) = rejected.token() else { return Ok(None) };
        match self.api.look_up(token).await {
            Ok(_) => return Ok(None),
            Err(error) if error.kind == SecretErrorKind::Forbidden => {}
            Err(error) => return Err(error.into_login_error()),
        }
        if self.auth.login_mount().is_some()
            && current.replaced_at.is_some_and(|at| at.elapsed() < REPLACE_INTERVAL)
        {
            let reason = "Vault rejects the token of a login less than 60 s ago";
            return Err(VaultError::new(SecretErrorKind::Unauthenticated, reason).into_login_error());
        }
        current.replaced_at = Some(Instant::now());
        self.log_in(&mut current).await.map(Some)
    }

    /// Logs in and replaces the session. If the login fails, the previous session is kept.
    async fn log_in(&self, current: &mut CurrentSession) -> Result<Arc<Session>, VaultError> {
        let session = Arc::new(Session::log_in(&self.api, &self.auth).await?);
        current.session = Some(Arc::clone(&session));
        Ok(session)
    }
}

impl Session {
    async fn log_in(api: &Api, auth: &VaultAuth) -> Result<Self, VaultError> {
        let granted = auth.log_in(api).await?;
        let lease = granted.as_ref().map(|granted| granted.lease).unwrap_or_default();
        if granted.is_some() {
            let (lease_seconds, renewable) = (lease.time.as_secs(), lease.is_renewable);
            tracing::debug!(
                target: TARGET,
                lease_seconds,
                renewable,
                "Vault token obtained"
            );
        }
        let expiry = Arc::new(SessionExpiry::new(lease));
        let renewal = granted.as_ref().filter(|_| lease.is_renewable && !lease.time.is_zero());
        let renewal = renewal.map(|granted| {
            let renewal = keep_renewed(api.clone(), granted.token.clone(), lease, Arc::clone(&expiry));
            tokio::spawn(renewal).abort_handle()
        });
        Ok(Self { granted, expiry, renewal })
    }

    /// Returns the token. `None` if an Agent adds it.
    pub(super) fn token(&self) -> Option<&Secret> {
        self.granted.as_ref().map(|granted| &granted.token)
    }

    /// Returns whether Vault has confirmed the token, so that "forbidden" concerns the secret.
    pub(super) fn is_confirmed(&self) -> bool {
        self.granted.as_ref().is_some_and(|granted| granted.is_confirmed)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
    }
}

/// Renews the token after two thirds of each lease, until Vault no longer renews it.
///
/// Renewing at the next read would be too late: it may come hours later, and another login may
/// not be possible with a secret id that is valid for one login only.
async fn keep_renewed(api: Api, token: Secret, mut lease: TokenLease, expiry: Arc<SessionExpiry>) {
    while lease.is_renewable && lease.time > MIN_REMAINING {
        sleep(lease.time * 2 / 3).await;
        match api.renew(&token).await {
            Ok(granted) => {
                lease = granted;
                expiry.set(lease);
            }
            Err(error) => {
                tracing::warn!(target: TARGET, "Vault token not renewed: {error}");
                if error.kind == SecretErrorKind::Forbidden {
                    return expiry.set(TokenLease { time: Duration::from_nanos(1), is_renewable: false });
                }
                lease.time = expiry.remaining(Instant::now());
            }
        }
    }
}

impl SessionExpiry {
    fn new(lease: TokenLease) -> Self {
        let expiry = Self(Mutex::default());
        expiry.set(lease);
        expiry
    }

    fn set(&self, lease: TokenLease) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(lease.time).filter(|time| !time.is_zero()).map(|time| Instant::now() + time);
    }

    /// Returns whether the token can be used at `now`.
    fn is_valid(&self, now: Instant) -> bool {
        self.get().is_none_or(|end| now + MIN_REMAINING < end)
    }

    /// Returns the time until the expiry. Zero if there is none.
    fn remaining(&self, now: Instant) -> Duration {
        self.get().map_or(Duration::ZERO, |end| end.saturating_duration_since(now))
    }

    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
