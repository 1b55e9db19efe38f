//! The lease by which one instance at a time fetches a token.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use tokio::runtime::Handle;

use crate::cache::store::{Lease, LeaseOutcome, StoreSession, StoredToken};

/// The duration of a lease. Its holder renews it before that.
pub(super) const LEASE: Duration = Duration::from_secs(3);

/// An attempt that requests or holds the lease. When it is dropped, it releases a lease that it
/// may hold.
#[derive(Debug)]
pub(super) struct LeaseHolder {
    session: StoreSession,
    /// The name of the holder, unique among all instances.
    name: String,
    /// Whether the lease was granted, or may have been granted by a failed call.
    may_have_lease: bool,
}

impl LeaseHolder {
    pub(super) fn new(session: StoreSession) -> Self {
        Self { session, name: unique_name(), may_have_lease: false }
    }

    /// Requests or renews the lease. `None` if the store fails.
    pub(super) async fn try_lease(&mut self) -> Option<LeaseOutcome> {
        self.may_have_lease = true;
        let leased = self.session.try_lease(&self.name, LEASE).await?;
        self.may_have_lease = leased.lease == Lease::Granted;
        Some(leased)
    }

    /// Restarts the time limit of the store, after a wait for another instance or for Passport.
    pub(super) fn restart_limit(&mut self) {
        self.session.restart_limit();
    }

    /// Publishes `token`, which ends the lease.
    pub(super) async fn publish(mut self, token: &StoredToken) {
        self.session.publish(&self.name, token).await;
        self.may_have_lease = false;
    }

    /// Ends the lease.
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
        // The attempt was canceled. Without a release, other instances would wait for the expiry.
        if let Ok(runtime) = Handle::try_current() {
            let (mut session, name) = (self.session.clone(), std::mem::take(&mut self.name));
            session.restart_limit();
            runtime.spawn(async move { session.release(&name).await });
        }
    }
}

/// Returns a unique holder name. The random keys of the standard library's hashers suffice: an
/// attacker who can use a guessed name can also read the store. The first random bytes of aws-lc
/// would cost 35 ms of CPU time at the start of an instance.
fn unique_name() -> String {
    let random = RandomState::new();
    format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1))
}
