//! The depth-first search through all orders of steps.

use super::*;

/// One event of an order: a step of an instance, or a fault.
#[derive(Clone, Copy, Debug)]
pub(super) enum Move {
    /// An instance passes a checkpoint.
    Step(usize, usize),
    Kill(usize),
    Cancel(usize),
    LoseTheLease,
    Tick,
}

/// The position of the depth-first search.
#[derive(Default)]
pub(super) struct Orders {
    /// For each depth, the index of the current move and the number of moves.
    path: Vec<(usize, usize)>,
    depth: usize,
}

impl Orders {
    /// Returns the move of the current order at the current depth.
    pub(super) fn choose(&mut self, moves: &[Move]) -> Move {
        if self.depth == self.path.len() {
            self.path.push((0, moves.len()));
        }
        let (taken, of) = self.path[self.depth];
        assert_eq!(of, moves.len(), "an order must be reproducible");
        self.depth += 1;
        moves[taken]
    }

    /// Advances to the next order. Returns false after the last one.
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

/// Returns the moves that are possible now. Empty if no instance can take a step.
pub(super) fn moves(instances: &[Instance], faults: Faults) -> Vec<Move> {
    let running = || (0..instances.len()).filter(|&number| instances[number].is_in_flight());
    let steps = running().flat_map(|number| (0..2).map(move |checkpoint| (number, checkpoint)));
    let steps = steps.filter(|&(number, checkpoint)| instances[number].checkpoints[checkpoint].waits());
    let mut moves: Vec<_> = steps.map(|(number, checkpoint)| Move::Step(number, checkpoint)).collect();
    if moves.is_empty() {
        return moves;
    }
    if faults.kills > 0 {
        moves.extend(running().map(Move::Kill));
    }
    if faults.cancellations > 0 {
        moves.extend(running().map(Move::Cancel));
    }
    if faults.losses > 0 {
        moves.push(Move::LoseTheLease);
    }
    if faults.ticks > 0 {
        moves.push(Move::Tick);
    }
    moves
}

/// Runs one order to its end.
pub(super) async fn run(world: &World, instances: &mut [Instance], orders: &mut Orders, mut faults: Faults) {
    // A fixed seed keeps the waits the same in every order.
    fastrand::seed(7);
    loop {
        instances.iter_mut().for_each(Instance::poll);
        if !instances.iter().any(Instance::is_in_flight) {
            return;
        }
        let moves = moves(instances, faults);
        if moves.is_empty() {
            // All instances wait for a notification or for time to pass.
            advance(POLL_INTERVAL).await;
            continue;
        }
        match orders.choose(&moves) {
            Move::Step(number, checkpoint) => instances[number].checkpoints[checkpoint].allow(),
            Move::Kill(number) => {
                faults.kills -= 1;
                instances[number].kill();
            }
            Move::Cancel(number) => {
                faults.cancellations -= 1;
                instances[number].cancel().await;
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

/// Runs every order of `count` instances that send `request` to a store with the token
/// `in_store`. Returns the maximum number of fetches in one order, and the number of orders.
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
    let (mut max_fetches, mut tried) = (0, 0);
    loop {
        let world = Arc::new(world());
        *world.token.lock().unwrap() = in_store.map(|number| stored(&fetched(number, &clock)));
        let mut instances: Vec<_> =
            (0..count).map(|_| Instance::new(&world, &clock, request(&first.token))).collect();
        run(&world, &mut instances, &mut orders, faults).await;
        max_fetches = max_fetches.max(world.fetched.load(Ordering::Relaxed));
        check(&world, &instances);
        tried += 1;
        if !orders.next() {
            return (max_fetches, tried);
        }
    }
}
