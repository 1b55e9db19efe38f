//! The session with Vault. A login obtains the token of the session, and a task renews the token
//! while Vault allows it. When the token expires, or when Vault rejects it, a new login replaces
//! the session.

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

/// The minimum remaining lifetime of a token. A token with less remaining lifetime is not used,
/// and is not renewed any more: near the maximum lifetime, Vault extends a token by less and
/// less.
const MIN_REMAINING: Duration = Duration::from_secs(5);

/// The minimum interval between two logins after Vault rejected a token. Without this interval,
/// a token that lacks the permission for `lookup-self` would cause a login at each rejected
/// read.
const REPLACE_COOLDOWN: Duration = Duration::from_secs(60);

/// The current session, shared by all reads.
#[derive(Debug)]
pub(super) struct Sessions {
    api: Api,
    auth: VaultAuth,
    /// The current session. It is locked during a login, so that concurrent callers share the
    /// login.
    current: tokio::sync::Mutex<CurrentSession>,
}

/// The session that new reads use. If there is no session, the next read logs in.
#[derive(Debug, Default)]
struct CurrentSession {
    session: Option<Arc<Session>>,
    /// When the session was last replaced because Vault rejected its token.
    replaced_at: Option<Instant>,
}

/// A token of Vault, the expiry of the token, and the task that renews the token.
#[derive(Debug)]
pub(super) struct Session {
    /// The token. `None` if an Agent adds the token to requests.
    granted: Option<GrantedToken>,
    expiry: Arc<SessionExpiry>,
    /// The task that renews the token. `None` if the token is not renewable.
    renewal: Option<AbortHandle>,
}

/// The time at which a token expires, or `None` if the token does not expire. Each renewal of
/// the token sets this time.
#[derive(Debug)]
struct SessionExpiry(Mutex<Option<Instant>>);

impl Sessions {
    pub(super) fn new(api: Api, auth: VaultAuth) -> Self {
        Self { api, auth, current: tokio::sync::Mutex::default() }
    }

    /// Returns the current session. If there is no session, or if its token expires within 5 s,
    /// logs in and returns the new session.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the login that it started. The next caller logs in again.
    pub(super) async fn current(&self) -> Result<Arc<Session>, VaultError> {
        let mut current = self.current.lock().await;
        if let Some(session) =
            current.session.as_ref().filter(|session| session.expiry.is_valid(Instant::now()))
        {
            return Ok(Arc::clone(session));
        }
        self.log_in(&mut current).await
    }

    /// Returns a session to use instead of `rejected`, whose token Vault rejected. If another call
    /// has already replaced `rejected`, returns the current session. Otherwise requests
    /// `lookup-self`, and logs in again if Vault rejects that request as well.
    ///
    /// Returns `None` in two cases:
    ///
    /// - Vault confirms that the token is valid. The token then lacks the permission to read the
    ///   secret, and another login would not help.
    /// - An Agent adds the token, so there is no login.
    ///
    /// If the auth method logs in, returns an error if the last login after a rejection was less
    /// than 60 s ago.
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
            && current.replaced_at.is_some_and(|at| at.elapsed() < REPLACE_COOLDOWN)
        {
            let reason = "Vault rejects a token that is less than 60 s old";
            return Err(VaultError::new(SecretErrorKind::Unauthenticated, reason).into_login_error());
        }
        current.replaced_at = Some(Instant::now());
        self.log_in(&mut current).await.map(Some)
    }

    /// Logs in, and makes the new session the current session. If the login fails, keeps the
    /// previous session and returns the error.
    async fn log_in(&self, current: &mut CurrentSession) -> Result<Arc<Session>, VaultError> {
        let session = Arc::new(Session::log_in(&self.api, &self.auth).await?);
        current.session = Some(Arc::clone(&session));
        Ok(session)
    }
}

impl Session {
    /// Gets a token by the auth method `auth`. If the token is renewable, starts the task that
    /// renews it.
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

    /// Returns the token of the session. Returns `None` if an Agent adds the token to requests.
    pub(super) fn token(&self) -> Option<&Secret> {
        self.granted.as_ref().map(|granted| &granted.token)
    }

    /// Returns whether Vault has confirmed that the token is valid. If true, a "forbidden" response
    /// means that the token lacks the permission for the secret.
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

/// Renews `token` whenever two thirds of its lease have passed, until Vault no longer renews it.
///
/// Renewing the token at the next read would be too late. The next read may come hours later,
/// when the token has expired. If the secret id is valid for only one login, the provider could
/// not log in again.
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
    /// Creates the expiry of a token whose `lease` begins now.
    fn new(lease: TokenLease) -> Self {
        let expiry = Self(Mutex::default());
        expiry.set(lease);
        expiry
    }

    /// Sets the expiry to the end of `lease`, which begins now. If the lease has no end, the token
    /// does not expire.
    fn set(&self, lease: TokenLease) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(lease.time).filter(|time| !time.is_zero()).map(|time| Instant::now() + time);
    }

    /// Returns whether the token can be used at `now`: it does not expire within the next 5 s.
    fn is_valid(&self, now: Instant) -> bool {
        self.get().is_none_or(|end| now + MIN_REMAINING < end)
    }

    /// Returns the time from `now` until the token expires. Returns zero if the token has expired
    /// or does not expire.
    fn remaining(&self, now: Instant) -> Duration {
        self.get().map_or(Duration::ZERO, |end| end.saturating_duration_since(now))
    }

    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
