//! The lease protocol, in every order in which a few instances can take their steps: each call to
//! the store and each token request is a step; between any two an instance may be killed or called
//! off, a lease be lost, or time pass (elsewhere it passes only when all wait). Every order is
//! tried, one after the other, with the code that ships.

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

/// What may happen beside steps, and how often at most.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    kills: usize,
    /// The lease runs out, and whoever has it does not know.
    losses: usize,
    /// An instance is called off: what it does when it is dropped is done.
    calls_off: usize,
    /// So much time passes that a lease is prolonged, wherever everybody stands.
    ticks: usize,
}

/// Whoever was not killed has the token that is stored, and the lease is free.
fn all_have_the_stored_token(world: &World, instances: &[Instance]) {
    let stored = world.token_number();
    assert!(instances.iter().all(|instance| instance.got == stored && stored.is_some()));
    assert!(!world.is_leased());
}

/// Whoever was not killed has a token.
fn all_have_one(_: &World, instances: &[Instance]) {
    assert!(instances.iter().all(|instance| instance.is_gone || instance.got.is_some()));
}

fn missing(_: &AccessToken) -> FetchRequest {
    FetchRequest::default()
}

#[tokio::test(start_paused = true)]
async fn one_fetch_for_all_without_a_token_in_every_order() {
    for (count, at_least) in [(1, 1), (2, 30), (3, 3000)] {
        let (most, orders) =
            every_order(count, Faults::default(), None, missing, World::default, all_have_the_stored_token)
                .await;
        assert_eq!(most, 1, "{count} instances");
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
    let (most, _) =
        every_order(3, Faults::default(), Some(1), current, World::default, all_have_the_stored_token).await;
    assert_eq!(most, 1);
}

/// Each takes the refused token out of the store first. Were it not compared, the last would take
/// out its successor.
#[tokio::test(start_paused = true)]
async fn one_fetch_for_all_after_a_rejection_in_every_order() {
    let refused = |first: &AccessToken| FetchRequest {
        current: Some(first.clone()),
        current_valid_until: Some(Instant::now() + HOUR),
        excluded: Some(first.clone()),
    };
    let (most, _) =
        every_order(2, Faults::default(), Some(1), refused, World::default, all_have_the_stored_token).await;
    assert_eq!(most, 1);
}

#[tokio::test(start_paused = true)]
async fn killed_instance_costs_one_request_in_every_order() {
    for count in [2, 3] {
        let faults = Faults { kills: 1, ..Faults::default() };
        let (most, _) = every_order(count, faults, None, missing, World::default, all_have_one).await;
        assert_eq!(most, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn canceled_instance_frees_the_lease_in_every_order() {
    let and_the_lease_is_free = |world: &World, instances: &[Instance]| {
        all_have_one(world, instances);
        assert!(!world.is_leased());
    };
    let faults = Faults { calls_off: 1, ..Faults::default() };
    let (most, _) = every_order(2, faults, None, missing, World::default, and_the_lease_is_free).await;
    assert_eq!(most, 2);
}

#[tokio::test(start_paused = true)]
async fn renewed_lease_lasts_until_its_token_is_published() {
    let faults = Faults { ticks: 2, ..Faults::default() };
    let (most, _) = every_order(2, faults, None, missing, World::default, all_have_the_stored_token).await;
    assert_eq!(most, 1);
}

/// A holder that stood still for longer than its lease does not know that it has lost it.
#[tokio::test(start_paused = true)]
async fn lost_lease_costs_one_request_in_every_order() {
    let later_is_kept = |world: &World, instances: &[Instance]| {
        all_have_one(world, instances);
        let latest = world.fetched.load(Ordering::Relaxed) + 1;
        assert_eq!(world.token_number(), Some(format!("token-{latest}")));
    };
    let faults = Faults { losses: 1, ..Faults::default() };
    let (most, _) = every_order(2, faults, None, missing, World::default, later_is_kept).await;
    assert_eq!(most, 2);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_taken_in_two_steps_would_be_found() {
    let broken = || World { is_broken: true, ..World::default() };
    let (most, _) = every_order(2, Faults::default(), None, missing, broken, all_have_one).await;
    assert_eq!(most, 2, "or the model tries too little");
}
