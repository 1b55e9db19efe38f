//! The model's store, instances and steps.

use super::*;

/// A point at which an instance waits until the search allows its next step. Each instance has
/// one checkpoint before store calls, and one before token requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoint(Arc<CheckpointState>);

#[derive(Debug, Default)]
pub(super) struct CheckpointState {
    pub(super) waits: AtomicBool,
    pub(super) may_pass: AtomicBool,
    pub(super) is_open: AtomicBool,
}

impl Checkpoint {
    /// Waits until the search allows the step.
    pub(super) async fn step(&self) {
        poll_fn(|_| {
            let passes =
                self.0.may_pass.swap(false, Ordering::Relaxed) || self.0.is_open.load(Ordering::Relaxed);
            self.0.waits.store(!passes, Ordering::Relaxed);
            if passes { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    pub(super) fn waits(&self) -> bool {
        self.0.waits.load(Ordering::Relaxed)
    }

    /// Allows one step.
    pub(super) fn allow(&self) {
        self.0.waits.store(false, Ordering::Relaxed);
        self.0.may_pass.store(true, Ordering::Relaxed);
    }

    /// Allows all further steps.
    pub(super) fn open(&self) {
        self.0.is_open.store(true, Ordering::Relaxed);
    }
}

/// The state that all instances share.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) token: Mutex<Option<StoredToken>>,
    pub(super) lease: Mutex<Option<(String, Instant)>>,
    pub(super) notifier: Notifier,
    pub(super) fetched: AtomicUsize,
    /// Whether the store grants a lease in two steps, which is a bug.
    pub(super) is_broken: bool,
}

impl World {
    pub(super) fn is_leased(&self) -> bool {
        self.lease.lock().unwrap().as_ref().is_some_and(|(_, until)| Instant::now() < *until)
    }

    pub(super) fn token_number(&self) -> Option<String> {
        self.token.lock().unwrap().as_ref().map(|stored| stored.token().expose().to_owned())
    }
}

/// The store and the source of one instance.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) world: Arc<World>,
    pub(super) store: Checkpoint,
    pub(super) passport: Checkpoint,
    pub(super) clock: ManualClock,
}

impl TokenStore for View {
    async fn get(&self, _: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.store.step().await;
        Ok(self.world.token.lock().unwrap().clone())
    }

    async fn try_lease(
        &self,
        _: &TokenKey,
        holder: &str,
        time: Duration,
    ) -> Result<LeaseOutcome, StoreError> {
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
        Ok(LeaseOutcome { lease, token: self.world.token.lock().unwrap().clone() })
    }

    async fn put(&self, key: &TokenKey, holder: &str, token: &StoredToken) -> Result<(), StoreError> {
        self.store.step().await;
        let mut stored = self.world.token.lock().unwrap();
        if stored.as_ref().is_none_or(|stored| stored.token().expires_at() < token.token().expires_at()) {
            *stored = Some(token.clone());
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
        self.world.token.lock().unwrap().take_if(|stored| stored.token().expose() == token.expose());
        Ok(())
    }

    /// The time limit of the store. It is longer than all simulated time, so that no call exceeds
    /// the limit.
    fn timeout(&self) -> Duration {
        HOUR
    }

    fn notifications(&self) -> Option<Notifier> {
        Some(self.world.notifier.clone())
    }
}

impl View {
    pub(super) fn end_lease(&self, key: &TokenKey, holder: &str) {
        self.world.lease.lock().unwrap().take_if(|(by, _)| by == holder);
        self.world.notifier.notify(&key.to_string());
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

/// Returns `token-<number>`. A higher number expires later; no token was issued in the future.
pub(super) fn fetched(number: usize, clock: &ManualClock) -> FetchedToken {
    let issued_at = clock.now() - Duration::from_secs(100) + Duration::from_secs(number as u64);
    let token = AccessToken::new(&format!("token-{number}"), issued_at + HOUR).unwrap();
    FetchedToken { token, issued_at, lifetime: HOUR, missing_scopes: Vec::new() }
}

/// An instance that fetches a token.
pub(super) struct Instance {
    /// The future of the token fetch. `None` after it has ended, or was killed or canceled.
    pub(super) attempt: Option<Spawn<FetchFuture<'static>>>,
    /// The checkpoints before store calls and before token requests.
    pub(super) checkpoints: [Checkpoint; 2],
    pub(super) got: Option<String>,
    pub(super) is_gone: bool,
}

impl Instance {
    /// Creates an instance that sends `request`.
    pub(super) fn new(world: &Arc<World>, clock: &ManualClock, request: FetchRequest) -> Self {
        let checkpoints: [Checkpoint; 2] = Default::default();
        let [store, passport] = checkpoints.clone();
        let view = View { world: Arc::clone(world), store, passport, clock: clock.clone() };
        let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
        let shared = Coordinator {
            store: StoreHandle::new(view.clone()),
            key: TokenKey::new(&"mi-1".parse().unwrap(), &url, "client_secret", &"openid".parse().unwrap()),
            source: Box::new(view),
            policy: crate::test_support::POLICY,
            wait_limit: HOUR,
            clock: SharedClock::new(clock.clone()),
        };
        // All instances run in one task, so tokio's budget of a task must not stop them.
        let attempt: FetchFuture<'static> =
            Box::pin(unconstrained(async move { shared.fetch(request).await }));
        Self { attempt: Some(spawn(attempt)), checkpoints, got: None, is_gone: false }
    }

    /// Runs the instance until it waits at a checkpoint.
    pub(super) fn poll(&mut self) {
        if let Some(attempt) = &mut self.attempt
            && let Poll::Ready(result) = attempt.poll()
        {
            self.got = Some(result.ok().unwrap().token.expose().to_owned());
            self.attempt = None;
        }
    }

    /// Stops the instance without running its destructors, like a crash.
    pub(super) fn kill(&mut self) {
        std::mem::forget(self.attempt.take());
        self.is_gone = true;
    }

    /// Cancels the token fetch, as a shutdown does. The destructors of the fetch run.
    pub(super) async fn cancel(&mut self) {
        self.checkpoints[0].open();
        self.attempt = None;
        self.is_gone = true;
        yield_now().await;
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.attempt.is_some()
    }
}
