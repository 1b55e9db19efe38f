//! The lease of one attempt.

use std::hash::{BuildHasher, RandomState};

use tokio::runtime::Handle;

use super::coordinator::LEASE;
use crate::cache::store::{Lease, Leased, StoreSession, StoredToken};

/// An attempt that has the lease, or wants it. If it is dropped while it may have it, the lease is given back all the same.
#[derive(Debug)]
pub(super) struct LeaseHolder {
    session: StoreSession,
    /// Tells this attempt from all others of the fleet.
    name: String,
    /// It was granted, or it is not known whether it was.
    may_have_lease: bool,
}

impl LeaseHolder {
    pub(super) fn new(session: StoreSession) -> Self {
        Self { session, name: unique(), may_have_lease: false }
    }

    pub(super) async fn try_lease(&mut self) -> Option<Leased> {
        self.may_have_lease = true;
        let leased = self.session.try_lease(&self.name, LEASE).await?;
        self.may_have_lease = leased.lease == Lease::Granted;
        Some(leased)
    }

    /// Others are waited for, or Passport is: the store has its time again.
    pub(super) fn has_waited(&mut self) {
        self.session.begin_again();
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
        // The attempt was called off. Others, and the next one here, need not wait until the lease runs out.
        if let Ok(runtime) = Handle::try_current() {
            let (mut session, name) = (self.session.clone(), std::mem::take(&mut self.name));
            session.begin_again();
            runtime.spawn(async move { session.release(&name).await });
        }
    }
}

/// A name that nobody else has. The standard library's hashers have keys from the operating system, and that is randomness
/// enough: whoever could guess a name can read it. The first random bytes of aws-lc take 35 ms of processor time, which all
/// instances would pay that start together.
fn unique() -> String {
    let random = RandomState::new();
    format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1))
}
