//! Waits until the signing keys of trusted issuers are usable.

use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime},
};

use passport_core::{Clock, Waiter};

use super::{TokenVerifier, error::ReadyError, health::ReadyPolicy, issuer_entry::IssuerEntry};
use crate::jwks::RefreshStatus;

/// How long [`TokenVerifier::ready`] waits for refreshes before it checks again whether there
/// are keys. The limit is needed because a refresh can be on a stalled runtime, while a refresh
/// on another runtime has already installed keys.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(5);

/// What has to happen before the keys of an issuer can be usable.
enum Need {
    /// A refresh that is running has to end.
    Refresh(Waiter<()>),
    /// A refresh can begin after this time.
    Pause(Duration),
    /// A refresh has failed, and a retry is unlikely to help.
    Failed(String),
    /// Nothing: newer keys were installed since the keys were found to be unusable.
    Nothing,
}

impl TokenVerifier {
    /// Waits until there are signing keys of Passport that have not expired, so that the first
    /// request does not have to wait for a fetch. Fetches the keys if necessary. Keys of other
    /// issuers are fetched when their first token is verified; see [`ready_for`](Self::ready_for).
    ///
    /// Retries temporary failures without a limit. To let a service start without keys after some
    /// time, wrap the call in `tokio::time::timeout`.
    ///
    /// # Errors
    /// [`ReadyError`] if a retry is unlikely to help:
    /// - the discovery document has another `issuer`, or a `jwks_uri` on another origin,
    /// - the issuer's key set has entries, but no usable key,
    /// - the TLS handshake failed, for example because the certificate is not trusted, or because
    ///   this machine has no root certificates,
    /// - the server does not speak HTTP/1.1,
    /// - the response is compressed, although the request accepts only `identity`,
    /// - the response is too large: more than 64 KiB for the discovery document, or 256 KiB for the
    ///   key set,
    /// - the proxy responded with status 407,
    /// - the HTTP client cannot be built, or the request is not valid,
    /// - there is no tokio runtime.
    ///
    /// # Panics
    /// Panics on a tokio runtime without `enable_time`.
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel a JWKS refresh, because other calls can wait for the
    /// same refresh.
    pub async fn ready(&self) -> Result<(), ReadyError> {
        self.ready_for(ReadyPolicy::default()).await
    }

    /// Waits until the keys of the issuers that `policy` selects are usable, and fetches them if
    /// necessary. Retries as [`ready`](Self::ready) does.
    ///
    /// # Errors
    /// The errors of [`ready`](Self::ready). With a policy that needs only one of several issuers,
    /// if no issuer can become usable.
    ///
    /// # Panics
    /// Panics on a tokio runtime without `enable_time`.
    ///
    /// # Cancel safety
    /// That of [`ready`](Self::ready).
    pub async fn ready_for(&self, policy: ReadyPolicy) -> Result<(), ReadyError> {
        loop {
            let table = self.pipeline.issuers.load_full();
            let now = self.pipeline.clock.now();
            let usable = |entry: &Arc<IssuerEntry>| !entry.needs_keys() || entry.jwks.current(now).is_some();
            let states: Vec<_> =
                table.entries.iter().map(|entry| (entry.is_passport(), usable(entry))).collect();
            if policy.is_met(states.iter().copied()) {
                return Ok(());
            }
            if tokio::runtime::Handle::try_current().is_err() {
                return Err(ReadyError("no tokio runtime; call `ready` within one".to_owned()));
            }
            let has_passport = states.iter().any(|(is_passport, _)| *is_passport);
            let entries = table.entries.iter();
            let unusable =
                entries.filter(|entry| policy.needs(entry.is_passport(), has_passport) && !usable(entry));
            let needs: Vec<_> = unusable.map(|entry| Need::of(entry, now)).collect();
            wait(needs, policy.needs_all(has_passport)).await?;
        }
    }
}

impl Need {
    /// Starts or joins a refresh of the keys of an issuer.
    fn of(entry: &Arc<IssuerEntry>, now: SystemTime) -> Self {
        match entry.jwks.refresh(None, now) {
            RefreshStatus::Running(keys) => Self::Refresh(keys),
            RefreshStatus::NotYet(pause) => match entry.jwks.permanent_failure() {
                Some(why) => Self::Failed(format!("{}: {why}", entry.name)),
                None => Self::Pause(pause.remaining),
            },
            RefreshStatus::Newer => Self::Nothing,
        }
    }
}

/// Waits until at least one of `needs` is met. `needs_all` is true if the keys of all issuers
/// must become usable.
///
/// # Errors
/// If a needed issuer has failed permanently.
async fn wait(needs: Vec<Need>, needs_all: bool) -> Result<(), ReadyError> {
    let (mut refreshes, mut longest, mut failure) = (Vec::new(), REFRESH_TIMEOUT, None);
    let mut can_become_usable = false;
    for need in needs {
        can_become_usable |= !matches!(need, Need::Failed(_));
        match need {
            Need::Refresh(keys) => refreshes.push(Box::pin(keys.outcome())),
            Need::Pause(pause) => longest = longest.min(pause),
            Need::Failed(why) => failure = failure.or(Some(why)),
            Need::Nothing => longest = Duration::ZERO,
        }
    }
    if let Some(why) = failure.filter(|_| needs_all || !can_become_usable) {
        return Err(ReadyError(why));
    }
    let first_ended = poll_fn(|context| {
        let has_ended = refreshes.iter_mut().any(|refresh| refresh.as_mut().poll(context).is_ready());
        if has_ended { Poll::Ready(()) } else { Poll::Pending }
    });
    drop(tokio::time::timeout(longest, first_ended).await);
    Ok(())
}

#[cfg(test)]
mod tests;
