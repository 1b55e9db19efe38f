//! The lease of an attempt on its token.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use tokio::runtime::Handle;

use crate::cache::store::{Lease, LeaseOutcome, StoreSession, StoredToken};

/// The time after which a lease ends unless its holder renews it.
pub(super) const LEASE: Duration = Duration::from_secs(3);

/// An attempt that has the lease, or requests it. A lease that it may have is released when it is
/// dropped.
#[derive(Debug)]
pub(super) struct LeaseHolder {
    session: StoreSession,
    /// Unique in the fleet.
    name: String,
    /// Whether the lease was granted, or may have been granted by a call that failed.
    may_have_lease: bool,
}

impl LeaseHolder {
    pub(super) fn new(session: StoreSession) -> Self {
        Self { session, name: unique_name(), may_have_lease: false }
    }

    pub(super) async fn try_lease(&mut self) -> Option<LeaseOutcome> {
        self.may_have_lease = true;
        let leased = self.session.try_lease(&self.name, LEASE).await?;
        self.may_have_lease = leased.lease == Lease::Granted;
        Some(leased)
    }

    /// Gives the store its full time again, after a wait for another instance or for Passport.
    pub(super) fn restart_limit(&mut self) {
        self.session.restart_limit();
    }

    pub(super) async fn publish(mut self, token: &StoredToken) {
        self.session.publish(&self.name, token).await;
        self.may_have_lease = false;
    }

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
        // The attempt was canceled. Others do not have to wait for the end of the lease.
        if let Ok(runtime) = Handle::try_current() {
            let (mut session, name) = (self.session.clone(), std::mem::take(&mut self.name));
            session.restart_limit();
            runtime.spawn(async move { session.release(&name).await });
        }
    }
}

/// Returns a unique name. The random keys of the standard library's hashers are enough: an attacker
/// who can use a guessed name can read the store as well. The first random bytes of aws-lc would
/// take 35 ms of processor time when an instance starts.
fn unique_name() -> String {
    let random = RandomState::new();
    format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1))
}
