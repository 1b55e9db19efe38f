//! The lease of one attempt.

use std::{
    convert::Infallible,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use aws_lc_rs::rand;
use tokio::{runtime::Handle, time::sleep};

use super::LEASE;
use crate::cache::{
    TokenKey,
    store::{Lease, Leased, Store, StoredToken},
};

/// An attempt that has the lease, or wants it. If it is dropped while it has, the lease is given back all the same.
pub(super) struct Holder {
    store: Store,
    key: TokenKey,
    /// Tells this attempt from all others of the fleet.
    name: String,
    has_lease: AtomicBool,
}

impl Holder {
    pub(super) fn new(store: Store, key: TokenKey) -> Self {
        let mut random = [0; 16];
        // Without randomness the name is not unique, and two instances may fetch at a time. That is all it does.
        let _ = rand::fill(&mut random);
        let name = format!("{:032x}", u128::from_be_bytes(random));
        Self { store, key, name, has_lease: AtomicBool::new(false) }
    }

    pub(super) async fn try_lease(&self) -> Option<Leased> {
        let leased = self.store.try_lease(&self.key, &self.name, LEASE).await?;
        self.has_lease.store(leased.lease == Lease::Granted, Ordering::Relaxed);
        Some(leased)
    }

    /// Prolongs the lease while this is polled. A lease that is lost is lost: two may fetch at a time then.
    pub(super) async fn keeps_the_lease(&self) -> Infallible {
        loop {
            sleep(LEASE / 3).await;
            if self.try_lease().await.is_none_or(|leased| leased.lease != Lease::Granted) {
                return std::future::pending().await;
            }
        }
    }

    pub(super) async fn publish(&self, token: &StoredToken) {
        self.store.publish(&self.key, &self.name, token).await;
        self.has_lease.store(false, Ordering::Relaxed);
    }

    pub(super) async fn release(&self) {
        self.store.release(&self.key, &self.name).await;
        self.has_lease.store(false, Ordering::Relaxed);
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if !*self.has_lease.get_mut() {
            return;
        }
        // The attempt was called off. Others, and the next one here, need not wait until the lease runs out.
        if let Ok(runtime) = Handle::try_current() {
            let (store, key, name) = (self.store.clone(), self.key.clone(), std::mem::take(&mut self.name));
            runtime.spawn(async move { store.release(&key, &name).await });
        }
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").field("key", &self.key).finish_non_exhaustive()
    }
}
