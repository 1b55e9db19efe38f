//! An exhaustive model check of the lease protocol with a few instances.
//!
//! Each call to the store and each token request is a step. Between any two steps, an instance
//! can be killed or canceled, a lease can be lost, or time can pass. (Otherwise time passes
//! only when all instances wait.) The tests run every order of steps and faults, with the
//! production code.

use std::{
    future::poll_fn,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
};

use passport_core::ManualClock;
use tokio::{
    task::{unconstrained, yield_now},
    time::advance,
};
use tokio_test::task::{Spawn, spawn};

use super::*;
use crate::{LeaseOutcome, Notifier, StoreError, TokenStore, cache::store::Lease};

mod orders;
mod world;

use self::{
    orders::every_order,
    world::{Instance, World, fetched},
};

const HOUR: Duration = Duration::from_secs(3600);

/// The maximum number of each kind of fault.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    kills: usize,
    /// The lease expires without the knowledge of its holder.
    losses: usize,
    /// An instance is canceled. The destructors of its token fetch run.
    cancellations: usize,
    /// Time passes until a lease is renewed, even if an instance could take a step.
    ticks: usize,
}

/// Asserts that every instance has the stored token, and that the lease is free.
fn all_have_the_stored_token(world: &World, instances: &[Instance]) {
    let stored = world.token_number();
    assert!(instances.iter().all(|instance| instance.got == stored && stored.is_some()));
    assert!(!world.is_leased());
}

/// Asserts that every surviving instance has a token.
fn all_have_a_token(_: &World, instances: &[Instance]) {
    assert!(instances.iter().all(|instance| instance.is_gone || instance.got.is_some()));
}

/// Returns the request of an instance without a token.
fn missing(_: &AccessToken) -> FetchRequest {
    FetchRequest::default()
}

#[tokio::test(start_paused = true)]
async fn one_fetch_for_all_without_a_token_in_every_order() {
    for (count, at_least) in [(1, 1), (2, 30), (3, 3000)] {
        let (max_fetches, orders) =
            every_order(count, Faults::default(), None, missing, World::default, all_have_the_stored_token)
                .await;
        assert_eq!(max_fetches, 1, "{count} instances");
        assert!(orders >= at_least, "{orders} orders of {count} instances");
    }
}

#[tokio::test(start_paused = true)]
async fn one_fetch_for_all_that_refresh_in_every_order() {
    let current = |first: &AccessToken| FetchRequest {
        current: Some(first.clone()),
        current_valid_until: Some(Instant::now() + HOUR),
        excluded: None,
    };
    let (max_fetches, _) =
        every_order(3, Faults::default(), Some(1), current, World::default, all_have_the_stored_token).await;
    assert_eq!(max_fetches, 1);
}

/// Each instance first removes the rejected token from the store. If the store did not compare
/// the tokens, the last instance would remove the replacement instead.
#[tokio::test(start_paused = true)]
async fn one_fetch_for_all_after_a_rejection_in_every_order() {
    let rejected = |first: &AccessToken| FetchRequest {
        current: Some(first.clone()),
        current_valid_until: Some(Instant::now() + HOUR),
        excluded: Some(first.clone()),
    };
    let (max_fetches, _) =
        every_order(2, Faults::default(), Some(1), rejected, World::default, all_have_the_stored_token).await;
    assert_eq!(max_fetches, 1);
}

#[tokio::test(start_paused = true)]
async fn killed_instance_costs_one_request_in_every_order() {
    for count in [2, 3] {
        let faults = Faults { kills: 1, ..Faults::default() };
        let (max_fetches, _) =
            every_order(count, faults, None, missing, World::default, all_have_a_token).await;
        assert_eq!(max_fetches, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn canceled_instance_releases_its_lease_in_every_order() {
    let all_have_a_token_and_the_lease_is_free = |world: &World, instances: &[Instance]| {
        all_have_a_token(world, instances);
        assert!(!world.is_leased());
    };
    let faults = Faults { cancellations: 1, ..Faults::default() };
    let (max_fetches, _) =
        every_order(2, faults, None, missing, World::default, all_have_a_token_and_the_lease_is_free).await;
    assert_eq!(max_fetches, 2);
}

#[tokio::test(start_paused = true)]
async fn renewed_lease_lasts_until_its_token_is_published() {
    let faults = Faults { ticks: 2, ..Faults::default() };
    let (max_fetches, _) =
        every_order(2, faults, None, missing, World::default, all_have_the_stored_token).await;
    assert_eq!(max_fetches, 1);
}

/// A holder that was suspended for longer than its lease does not know that it has lost the
/// lease.
#[tokio::test(start_paused = true)]
async fn lost_lease_costs_one_request_in_every_order() {
    let later_token_is_stored = |world: &World, instances: &[Instance]| {
        all_have_a_token(world, instances);
        let latest = world.fetched.load(Ordering::Relaxed) + 1;
        assert_eq!(world.token_number(), Some(format!("token-{latest}")));
    };
    let faults = Faults { losses: 1, ..Faults::default() };
    let (max_fetches, _) = every_order(2, faults, None, missing, World::default, later_token_is_stored).await;
    assert_eq!(max_fetches, 2);
}

#[tokio::test(start_paused = true)]
async fn non_atomic_lease_is_detected() {
    let broken = || World { is_broken: true, ..World::default() };
    let (max_fetches, _) = every_order(2, Faults::default(), None, missing, broken, all_have_a_token).await;
    assert_eq!(max_fetches, 2, "otherwise the model explores too few orders");
}
