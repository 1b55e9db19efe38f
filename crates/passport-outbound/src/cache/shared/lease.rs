//! The lease by which one instance at a time fetches a token.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use tokio::runtime::Handle;

use crate::cache::store::{Lease, LeaseOutcome, StoreSession, StoredToken};

/// The time after which a lease expires if its holder does not renew the lease. The holder
/// renews the lease every second.
pub(super) const LEASE: Duration = Duration::from_secs(3);

/// Requests, renews and ends the lease for one token fetch. When a `LeaseHolder` is dropped, it
/// releases the lease in the background, unless it is certain that the lease is not held.
#[derive(Debug)]
pub(super) struct LeaseHolder {
    session: StoreSession,
    /// The name by which the store identifies the holder. The name is unique among all token
    /// fetches of all instances.
    name: String,
    /// Whether the lease has to be released. True in two cases:
    /// - The lease was granted.
    /// - A store call failed, so that it is unknown whether the lease was granted.
    may_have_lease: bool,
}

impl LeaseHolder {
    pub(super) fn new(session: StoreSession) -> Self {
        Self { session, name: unique_name(), may_have_lease: false }
    }

    /// Requests or renews the lease, and reads the stored token. Returns `None` if the store fails.
    pub(super) async fn try_lease(&mut self) -> Option<LeaseOutcome> {
        self.may_have_lease = true;
        let leased = self.session.try_lease(&self.name, LEASE).await?;
        self.may_have_lease = leased.lease == Lease::Granted;
        Some(leased)
    }

    /// Restarts the time limit of the store calls. A wait for another instance or for Passport does
    /// not count towards that limit.
    pub(super) fn restart_limit(&mut self) {
        self.session.restart_limit();
    }

    /// Stores `token` for all instances, which ends the lease.
    pub(super) async fn publish(mut self, token: &StoredToken) {
        self.session.publish(&self.name, token).await;
        self.may_have_lease = false;
    }

    /// Ends the lease without storing a token, because the fetch failed or a token was found in the
    /// store.
    pub(super) async fn release(mut self) {
        self.session.release(&self.name).await;
        self.may_have_lease = false;
    }
}

impl Drop for LeaseHolder {
    fn drop(&mut self) {
        if !self.may_have_lease {
            return;
        }
        // The token fetch was canceled. Without a release, other instances would wait until the
        // lease expires.
        if let Ok(runtime) = Handle::try_current() {
            let (mut session, name) = (self.session.clone(), std::mem::take(&mut self.name));
            session.restart_limit();
            runtime.spawn(async move { session.release(&name).await });
        }
    }
}

/// Returns a unique holder name. The random keys of the standard library's hashers suffice: an
/// attacker who can use a guessed name can also read the store. The first random bytes of
/// aws-lc would cost 35 ms of CPU time at the start of an instance.
fn unique_name() -> String {
    let random = RandomState::new();
    format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1))
}
