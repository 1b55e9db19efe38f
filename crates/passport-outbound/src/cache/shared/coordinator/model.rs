//! The lease protocol, in every order in which a few instances can take their steps: each call to the store and each token
//! request is a step; between any two an instance may be killed or called off, a lease be lost, or time pass (elsewhere it passes
//! only when all wait). Every order is tried, one after the other, with the code that ships.

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
use crate::{Leased, StoreError, TokenStore, WakeUps, cache::store::Lease};

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

/// Where an instance waits until it may take its next step: one before the store, one before Passport.
#[derive(Clone, Debug, Default)]
struct Gate(Arc<State>);

#[derive(Debug, Default)]
struct State {
    waits: AtomicBool,
    may_pass: AtomicBool,
    stands_open: AtomicBool,
}

impl Gate {
    async fn step(&self) {
        poll_fn(|_| {
            let passes =
                self.0.may_pass.swap(false, Ordering::Relaxed) || self.0.stands_open.load(Ordering::Relaxed);
            self.0.waits.store(!passes, Ordering::Relaxed);
            if passes { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn waits(&self) -> bool {
        self.0.waits.load(Ordering::Relaxed)
    }

    fn open(&self) {
        self.0.waits.store(false, Ordering::Relaxed);
        self.0.may_pass.store(true, Ordering::Relaxed);
    }

    fn open_for_good(&self) {
        self.0.stands_open.store(true, Ordering::Relaxed);
    }
}

/// What all instances see.
#[derive(Debug, Default)]
struct World {
    token: Mutex<Option<StoredToken>>,
    lease: Mutex<Option<(String, Instant)>>,
    wake_ups: WakeUps,
    fetched: AtomicUsize,
    /// Takes a lease in two steps, as somebody may write it.
    is_broken: bool,
}

impl World {
    fn is_leased(&self) -> bool {
        self.lease.lock().unwrap().as_ref().is_some_and(|(_, until)| Instant::now() < *until)
    }

    fn token_number(&self) -> Option<String> {
        self.token.lock().unwrap().as_ref().map(|stored| stored.token().expose().to_owned())
    }
}

/// The store and the source of one instance.
#[derive(Clone, Debug)]
struct View {
    world: Arc<World>,
    store: Gate,
    passport: Gate,
    clock: ManualClock,
}

impl TokenStore for View {
    async fn get(&self, _: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.store.step().await;
        Ok(self.world.token.lock().unwrap().clone())
    }

    async fn try_lease(&self, _: &TokenKey, holder: &str, time: Duration) -> Result<Leased, StoreError> {
        self.store.step().await;
        let is_free = || {
            let lease = self.world.lease.lock().unwrap();
            lease.as_ref().is_none_or(|(by, until)| by == holder || *until <= Instant::now())
        };
        let mut granted = is_free();
        if self.world.is_broken {
            self.store.step().await;
        } else {
            granted = is_free();
        }
        let mut lease = self.world.lease.lock().unwrap();
        if granted {
            *lease = Some((holder.to_owned(), Instant::now() + time));
        }
        let left = lease
            .as_ref()
            .map_or(Duration::ZERO, |(_, until)| until.saturating_duration_since(Instant::now()));
        let lease = if granted { Lease::Granted } else { Lease::Held { left } };
        Ok(Leased { lease, token: self.world.token.lock().unwrap().clone() })
    }

    async fn publish(&self, key: &TokenKey, holder: &str, token: &StoredToken) -> Result<(), StoreError> {
        self.store.step().await;
        let mut kept = self.world.token.lock().unwrap();
        if kept.as_ref().is_none_or(|kept| kept.token().expires_at() < token.token().expires_at()) {
            *kept = Some(token.clone());
        }
        self.end_lease(key, holder);
        Ok(())
    }

    async fn release(&self, key: &TokenKey, holder: &str) -> Result<(), StoreError> {
        self.store.step().await;
        self.end_lease(key, holder);
        Ok(())
    }

    async fn remove(&self, _: &TokenKey, token: &AccessToken) -> Result<(), StoreError> {
        self.store.step().await;
        self.world.token.lock().unwrap().take_if(|kept| kept.token().expose() == token.expose());
        Ok(())
    }

    /// Ticks are no delay of the store's.
    fn limit(&self) -> Duration {
        HOUR
    }

    fn wake_ups(&self) -> Option<WakeUps> {
        Some(self.world.wake_ups.clone())
    }
}

impl View {
    fn end_lease(&self, key: &TokenKey, holder: &str) {
        self.world.lease.lock().unwrap().take_if(|(by, _)| by == holder);
        self.world.wake_ups.wake(&key.to_string());
    }
}

impl TokenSource for View {
    fn fetch(&self, _: FetchRequest) -> FetchFuture<'_> {
        Box::pin(async {
            self.passport.step().await;
            let number = self.world.fetched.fetch_add(1, Ordering::Relaxed) + 2;
            self.passport.step().await;
            Ok(fetched(number, &self.clock))
        })
    }
}

/// `token-<number>`. A later one expires later; none was minted in the future.
fn fetched(number: usize, clock: &ManualClock) -> FetchedToken {
    let issued_at = clock.now() - Duration::from_secs(100) + Duration::from_secs(number as u64);
    let token = AccessToken::new(&format!("token-{number}"), issued_at + HOUR).unwrap();
    FetchedToken { token, issued_at, lifetime: HOUR, missing_scopes: Vec::new() }
}

/// An instance on its way to a token; nothing, once it has one or was killed.
struct Instance {
    attempt: Option<Spawn<FetchFuture<'static>>>,
    /// Before the store and before Passport.
    gates: [Gate; 2],
    got: Option<String>,
    is_gone: bool,
}

impl Instance {
    /// Asks for a token, as `ask` says.
    fn new(world: &Arc<World>, clock: &ManualClock, request: FetchRequest) -> Self {
        let gates: [Gate; 2] = Default::default();
        let [store, passport] = gates.clone();
        let view = View { world: Arc::clone(world), store, passport, clock: clock.clone() };
        let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
        let shared = Coordinator {
            store: StoreHandle::new(view.clone()),
            key: TokenKey::new(&"mi-1".parse().unwrap(), &url, "client_secret", &"openid".parse().unwrap()),
            source: Box::new(view),
            policy: crate::test_support::POLICY,
            wait_limit: HOUR,
            clock: Arc::new(clock.clone()),
        };
        // All run in one task, which has no budget to share out.
        let attempt: FetchFuture<'static> =
            Box::pin(unconstrained(async move { shared.fetch(request).await }));
        Self { attempt: Some(spawn(attempt)), gates, got: None, is_gone: false }
    }

    /// Lets it go as far as it can without a step.
    fn poll(&mut self) {
        if let Some(attempt) = &mut self.attempt
            && let Poll::Ready(result) = attempt.poll()
        {
            self.got = Some(result.ok().unwrap().token.expose().to_owned());
            self.attempt = None;
        }
    }

    /// Without a word: nothing of it runs any more, not even what it does when it is dropped.
    fn kill(&mut self) {
        std::mem::forget(self.attempt.take());
        self.is_gone = true;
    }

    /// Because its identity is shut down, for example. What it then does, it does.
    async fn call_off(&mut self) {
        self.gates[0].open_for_good();
        self.attempt = None;
        self.is_gone = true;
        yield_now().await;
    }

    fn is_on_its_way(&self) -> bool {
        self.attempt.is_some()
    }
}

/// What may happen next.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// Through which gate.
    Step(usize, usize),
    Kill(usize),
    CallOff(usize),
    LoseTheLease,
    Tick,
}

/// The orders that were tried and that are left, depth first.
#[derive(Default)]
struct Orders {
    /// Which move was taken of how many.
    path: Vec<(usize, usize)>,
    depth: usize,
}

impl Orders {
    fn choose(&mut self, moves: &[Move]) -> Move {
        if self.depth == self.path.len() {
            self.path.push((0, moves.len()));
        }
        let (taken, of) = self.path[self.depth];
        assert_eq!(of, moves.len(), "an order can be repeated");
        self.depth += 1;
        moves[taken]
    }

    /// The next order. False if there is none.
    fn next(&mut self) -> bool {
        self.depth = 0;
        while let Some((taken, of)) = self.path.pop() {
            if taken + 1 < of {
                self.path.push((taken + 1, of));
                return true;
            }
        }
        false
    }
}

/// Everything that may happen next. Nothing, if nobody can take a step.
fn moves(instances: &[Instance], faults: Faults) -> Vec<Move> {
    let on_their_way = || (0..instances.len()).filter(|&number| instances[number].is_on_its_way());
    let steps = on_their_way().flat_map(|number| (0..2).map(move |gate| (number, gate)));
    let steps = steps.filter(|&(number, gate)| instances[number].gates[gate].waits());
    let mut moves: Vec<_> = steps.map(|(number, gate)| Move::Step(number, gate)).collect();
    if moves.is_empty() {
        return moves;
    }
    if faults.kills > 0 {
        moves.extend(on_their_way().map(Move::Kill));
    }
    if faults.calls_off > 0 {
        moves.extend(on_their_way().map(Move::CallOff));
    }
    if faults.losses > 0 {
        moves.push(Move::LoseTheLease);
    }
    if faults.ticks > 0 {
        moves.push(Move::Tick);
    }
    moves
}

/// One order from its beginning to its end.
async fn run(world: &World, instances: &mut [Instance], orders: &mut Orders, mut faults: Faults) {
    // Who waits for how long is always the same; the moves are what is tried.
    fastrand::seed(7);
    loop {
        instances.iter_mut().for_each(Instance::poll);
        if !instances.iter().any(Instance::is_on_its_way) {
            return;
        }
        let moves = moves(instances, faults);
        if moves.is_empty() {
            // All wait, for news or for a while.
            advance(LOOK_EACH).await;
            continue;
        }
        match orders.choose(&moves) {
            Move::Step(number, gate) => instances[number].gates[gate].open(),
            Move::Kill(number) => {
                faults.kills -= 1;
                instances[number].kill();
            }
            Move::CallOff(number) => {
                faults.calls_off -= 1;
                instances[number].call_off().await;
            }
            Move::Tick => {
                faults.ticks -= 1;
                advance(LEASE / 3).await;
            }
            Move::LoseTheLease => {
                faults.losses -= 1;
                *world.lease.lock().unwrap() = None;
            }
        }
    }
}

/// Every order in which `count` instances can ask for a token, as `ask` says, of a store that has `kept`. How often a token was
/// minted at most, and how many orders there are.
async fn every_order(
    count: usize,
    faults: Faults,
    kept: Option<usize>,
    request: impl Fn(&AccessToken) -> FetchRequest,
    world: impl Fn() -> World,
    check: impl Fn(&World, &[Instance]),
) -> (usize, usize) {
    let (clock, mut orders) = (ManualClock::at_unix_seconds(1_750_000_000), Orders::default());
    let first = fetched(1, &clock);
    let (mut most, mut tried) = (0, 0);
    loop {
        let world = Arc::new(world());
        *world.token.lock().unwrap() = kept.map(|number| stored(&fetched(number, &clock)));
        let mut instances: Vec<_> =
            (0..count).map(|_| Instance::new(&world, &clock, request(&first.token))).collect();
        run(&world, &mut instances, &mut orders, faults).await;
        most = most.max(world.fetched.load(Ordering::Relaxed));
        check(&world, &instances);
        tried += 1;
        if !orders.next() {
            return (most, tried);
        }
    }
}

/// Whoever was not killed has the token that is kept, and the lease is free.
fn all_have_the_one_that_is_kept(world: &World, instances: &[Instance]) {
    let kept = world.token_number();
    assert!(instances.iter().all(|instance| instance.got == kept && kept.is_some()));
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
async fn in_whatever_order_they_come_one_token_is_minted_for_all() {
    for (count, at_least) in [(1, 1), (2, 30), (3, 3000)] {
        let (most, orders) = every_order(
            count,
            Faults::default(),
            None,
            missing,
            World::default,
            all_have_the_one_that_is_kept,
        )
        .await;
        assert_eq!(most, 1, "{count} instances");
        assert!(orders >= at_least, "{orders} orders of {count} instances");
    }
}

#[tokio::test(start_paused = true)]
async fn in_whatever_order_they_refresh_one_token_is_minted_for_all() {
    let current = |first: &AccessToken| FetchRequest {
        current: Some(first.clone()),
        current_valid_until: Some(Instant::now() + HOUR),
        excluded: None,
    };
    let (most, _) =
        every_order(3, Faults::default(), Some(1), current, World::default, all_have_the_one_that_is_kept)
            .await;
    assert_eq!(most, 1);
}

/// Each takes the refused token out of the store first. Were it not compared, the last would take out its successor.
#[tokio::test(start_paused = true)]
async fn in_whatever_order_a_token_is_refused_to_them_one_is_minted_for_all() {
    let refused = |first: &AccessToken| FetchRequest {
        current: Some(first.clone()),
        current_valid_until: Some(Instant::now() + HOUR),
        excluded: Some(first.clone()),
    };
    let (most, _) =
        every_order(2, Faults::default(), Some(1), refused, World::default, all_have_the_one_that_is_kept)
            .await;
    assert_eq!(most, 1);
}

#[tokio::test(start_paused = true)]
async fn whenever_one_is_killed_the_others_have_a_token_for_one_request_more() {
    for count in [2, 3] {
        let faults = Faults { kills: 1, ..Faults::default() };
        let (most, _) = every_order(count, faults, None, missing, World::default, all_have_one).await;
        assert_eq!(most, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn whenever_one_is_called_off_the_others_have_a_token_and_the_lease_is_free() {
    let and_the_lease_is_free = |world: &World, instances: &[Instance]| {
        all_have_one(world, instances);
        assert!(!world.is_leased());
    };
    let faults = Faults { calls_off: 1, ..Faults::default() };
    let (most, _) = every_order(2, faults, None, missing, World::default, and_the_lease_is_free).await;
    assert_eq!(most, 2);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_prolonged_is_held_until_its_token_is_published() {
    let faults = Faults { ticks: 2, ..Faults::default() };
    let (most, _) =
        every_order(2, faults, None, missing, World::default, all_have_the_one_that_is_kept).await;
    assert_eq!(most, 1);
}

/// A holder that stood still for longer than its lease does not know that it has lost it.
#[tokio::test(start_paused = true)]
async fn whenever_a_lease_is_lost_all_have_a_token_for_one_request_more_and_the_later_one_is_kept() {
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
