//! The search through all orders of steps.

use super::*;

/// What may happen next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Move {
    /// Through which checkpoint.
    TokenAction(usize, usize),
    Kill(usize),
    CallOff(usize),
    LoseTheLease,
    Tick,
}

/// The orders that were tried and that are left, depth first.
#[derive(Default)]
pub(super) struct Orders {
    /// Which move was taken of how many.
    path: Vec<(usize, usize)>,
    depth: usize,
}

impl Orders {
    pub(super) fn choose(&mut self, moves: &[Move]) -> Move {
        if self.depth == self.path.len() {
            self.path.push((0, moves.len()));
        }
        let (taken, of) = self.path[self.depth];
        assert_eq!(of, moves.len(), "an order can be repeated");
        self.depth += 1;
        moves[taken]
    }

    /// The next order. False if there is none.
    pub(super) fn next(&mut self) -> bool {
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
pub(super) fn moves(instances: &[Instance], faults: Faults) -> Vec<Move> {
    let on_their_way = || (0..instances.len()).filter(|&number| instances[number].is_in_flight());
    let steps = on_their_way().flat_map(|number| (0..2).map(move |checkpoint| (number, checkpoint)));
    let steps = steps.filter(|&(number, checkpoint)| instances[number].checkpoints[checkpoint].waits());
    let mut moves: Vec<_> = steps.map(|(number, checkpoint)| Move::TokenAction(number, checkpoint)).collect();
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
pub(super) async fn run(world: &World, instances: &mut [Instance], orders: &mut Orders, mut faults: Faults) {
    // Who waits for how long is always the same; the moves are what is tried.
    fastrand::seed(7);
    loop {
        instances.iter_mut().for_each(Instance::poll);
        if !instances.iter().any(Instance::is_in_flight) {
            return;
        }
        let moves = moves(instances, faults);
        if moves.is_empty() {
            // All wait, for news or for a while.
            advance(POLL_INTERVAL).await;
            continue;
        }
        match orders.choose(&moves) {
            Move::TokenAction(number, checkpoint) => instances[number].checkpoints[checkpoint].open(),
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

/// Every order in which `count` instances can ask for a token, as `ask` says, of a store that has
/// `stored`. How often a token was minted at most, and how many orders there are.
pub(super) async fn every_order(
    count: usize,
    faults: Faults,
    in_store: Option<usize>,
    request: impl Fn(&AccessToken) -> FetchRequest,
    world: impl Fn() -> World,
    check: impl Fn(&World, &[Instance]),
) -> (usize, usize) {
    let (clock, mut orders) = (ManualClock::at_unix_seconds(1_750_000_000), Orders::default());
    let first = fetched(1, &clock);
    let (mut most, mut tried) = (0, 0);
    loop {
        let world = Arc::new(world());
        *world.token.lock().unwrap() = in_store.map(|number| stored(&fetched(number, &clock)));
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
