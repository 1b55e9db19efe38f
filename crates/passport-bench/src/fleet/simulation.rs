//! A simulation of up to ten thousand instances in virtual time: the released code, over a store
//! and an issuer that only add latency. Random values come from a fixed seed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use passport_outbound::{
    AccessToken, ClientAuthentication, Clock, HttpClient, Lease, LeaseOutcome, ManagedIdentity, Notifier,
    ResponseLimits, SecretSource, StoreError, StoredToken, TokenCache, TokenKey, TokenStore, Transport,
    TransportError,
};
use tokio::time::{Instant, sleep};

/// The lifetime of a token. An hour would give the same results, with more calls.
const LIFETIME: Duration = Duration::from_secs(300);

/// The duration of a token request.
const ISSUER_TAKES: Duration = Duration::from_millis(300);

/// The interval between the calls of an instance.
const CALLS_EACH: Duration = Duration::from_secs(1);

/// The parameters of a simulation.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub instances: usize,
    /// The time in which all instances start.
    pub spread: Duration,
    /// The average round trip of a Redis command.
    pub latency: Duration,
    pub seed: u64,
}

/// The results of a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    pub phases: [Phase; 2],
    pub failed: usize,
}

/// The results of the start, or of the lifetimes after it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phase {
    pub token_requests: u64,
    pub commands: u64,
    /// The commands in the busiest second.
    pub commands_per_second: u64,
    pub longest_wait: Duration,
}

/// The number of simulated lifetimes after the start.
pub const LIFETIMES: u32 = 3;

/// Runs a simulation to its end.
///
/// # Panics
///
/// If the runtime cannot be created.
pub fn run(setting: Setting) -> Outcome {
    fastrand::seed(setting.seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("the runtime is built").block_on(simulated(setting))
}

async fn simulated(setting: Setting) -> Outcome {
    let simulation = Simulation(Arc::new(SimulationState {
        latency: setting.latency,
        began: Instant::now(),
        state: Mutex::default(),
        notifier: Notifier::new(),
    }));
    let instances: Vec<_> = (0..setting.instances).map(|_| simulation.instance()).collect();
    let cold = instances.iter().map(|instance| async {
        sleep(setting.spread.mul_f64(fastrand::f64())).await;
        called(instance).await
    });
    let cold = join_all(cold).await;
    let at_the_start = simulation.phase(&cold);
    let until = Instant::now() + LIFETIMES * LIFETIME;
    let warm = instances.iter().map(|instance| async {
        let mut longest = called(instance).await;
        sleep(CALLS_EACH.mul_f64(fastrand::f64())).await;
        while Instant::now() < until {
            let wait = called(instance).await;
            longest = longest.zip(wait).map(|(longest, wait)| longest.max(wait));
            sleep(CALLS_EACH).await;
        }
        longest
    });
    let warm = join_all(warm).await;
    let failed = cold.iter().chain(&warm).filter(|wait| wait.is_none()).count();
    Outcome { phases: [at_the_start, simulation.phase(&warm)], failed }
}

/// Returns how long a call waited for its token, or `None` if it failed.
async fn called(instance: &ManagedIdentity) -> Option<Duration> {
    let began = Instant::now();
    instance.token().await.ok().map(|_| began.elapsed())
}

/// The store and the issuer that all instances share.
#[derive(Clone, Debug)]
struct Simulation(Arc<SimulationState>);

#[derive(Debug)]
struct SimulationState {
    latency: Duration,
    began: Instant,
    state: Mutex<SharedState>,
    notifier: Notifier,
}

#[derive(Debug, Default)]
struct SharedState {
    token_requests: u64,
    /// The number of commands in each second.
    commands: BTreeMap<u64, u64>,
    tokens: HashMap<TokenKey, (StoredToken, Instant)>,
    leases: HashMap<TokenKey, (String, Instant)>,
}

impl Simulation {
    fn instance(&self) -> ManagedIdentity {
        ManagedIdentity::builder("mi-fleet", SecretSource::from_value("secret"))
            .client_authentication(ClientAuthentication::ClientSecretBasic)
            .transport(Transport::new(self.clone()))
            .clock(self.clone())
            .token_cache(TokenCache::shared(self.clone()))
            .build()
            .expect("the configuration is valid")
    }

    /// Returns what was counted since the last phase.
    fn phase(&self, waits: &[Option<Duration>]) -> Phase {
        let mut state = self.state();
        let phase = Phase {
            token_requests: state.token_requests,
            commands: state.commands.values().sum(),
            commands_per_second: state.commands.values().copied().max().unwrap_or_default(),
            longest_wait: waits.iter().flatten().copied().max().unwrap_or_default(),
        };
        state.token_requests = 0;
        state.commands.clear();
        phase
    }

    /// Runs a command, which takes effect in the middle of the round trip.
    async fn command<T>(&self, effect: impl FnOnce(&mut SharedState, Instant) -> T) -> Result<T, StoreError> {
        let takes = self.0.latency.mul_f64(0.5 + fastrand::f64());
        sleep(takes / 2).await;
        let result = {
            let (mut state, now) = (self.state(), Instant::now());
            *state.commands.entry((now - self.0.began).as_secs()).or_default() += 1;
            effect(&mut state, now)
        };
        sleep(takes / 2).await;
        Ok(result)
    }

    fn state(&self) -> MutexGuard<'_, SharedState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedState {
    fn token(&self, key: &TokenKey, now: Instant) -> Option<StoredToken> {
        let (token, until) = self.tokens.get(key)?;
        (now < *until).then(|| token.clone().with_ttl(*until - now))
    }

    fn end_lease(&mut self, key: &TokenKey, holder: &str) -> bool {
        let is_ours = self.leases.get(key).is_some_and(|(by, _)| by == holder);
        if is_ours {
            self.leases.remove(key);
        }
        is_ours
    }
}

impl TokenStore for Simulation {
    async fn get(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.command(|state, now| state.token(key, now)).await
    }

    async fn try_lease(
        &self,
        key: &TokenKey,
        holder: &str,
        time: Duration,
    ) -> Result<LeaseOutcome, StoreError> {
        self.command(|state, now| {
            let lease = state.leases.entry(key.clone()).or_insert_with(|| (holder.to_owned(), now + time));
            let is_free = lease.1 <= now || lease.0 == holder;
            if is_free {
                *lease = (holder.to_owned(), now + time);
            }
            let lease = if is_free { Lease::Granted } else { Lease::Held { left: lease.1 - now } };
            LeaseOutcome { lease, token: state.token(key, now) }
        })
        .await
    }

    async fn put(&self, key: &TokenKey, holder: &str, token: &StoredToken) -> Result<(), StoreError> {
        let left = token.token().expires_at().duration_since(self.now()).unwrap_or_default();
        self.command(|state, now| {
            if state.tokens.get(key).is_none_or(|(_, until)| *until < now + left) {
                state.tokens.insert(key.clone(), (token.clone(), now + left));
            }
            state.end_lease(key, holder);
            self.0.notifier.notify(&key.to_string());
        })
        .await
    }

    async fn release(&self, key: &TokenKey, holder: &str) -> Result<(), StoreError> {
        self.command(|state, _| {
            if state.end_lease(key, holder) {
                self.0.notifier.notify(&key.to_string());
            }
        })
        .await
    }

    async fn remove(&self, key: &TokenKey, token: &AccessToken) -> Result<(), StoreError> {
        self.command(|state, _| {
            if state.tokens.get(key).is_some_and(|(stored, _)| stored.token().expose() == token.expose()) {
                state.tokens.remove(key);
            }
        })
        .await
    }

    fn notifications(&self) -> Option<Notifier> {
        Some(self.0.notifier.clone())
    }
}

impl HttpClient for Simulation {
    async fn send(&self, _: Request<Bytes>, _: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        let number = {
            let mut state = self.state();
            state.token_requests += 1;
            state.token_requests
        };
        sleep(ISSUER_TAKES).await;
        let now = (Instant::now() - self.0.began).as_micros();
        let token = serde_json::json!({
            "access_token": format!("token-{now}-{number}"),
            "token_type": "Bearer",
            "expires_in": LIFETIME.as_secs(),
        });
        Ok(Response::new(Bytes::from(token.to_string())))
    }
}

impl Clock for Simulation {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_750_000_000) + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.0.began.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: Setting =
        Setting { instances: 300, spread: Duration::ZERO, latency: Duration::from_millis(2), seed: 1 };

    #[test]
    fn fleet_makes_one_request_at_start_and_one_per_lifetime() {
        let outcome = run(SETTING);
        assert_eq!(outcome.failed, 0);
        assert_eq!(outcome.phases[0].token_requests, 1);
        let lifetimes = u64::from(LIFETIMES);
        assert!((lifetimes..=lifetimes + 1).contains(&outcome.phases[1].token_requests), "{outcome:?}");
        assert_eq!(outcome.phases[1].longest_wait, Duration::ZERO, "nobody waits for a refresh");
    }

    #[test]
    fn same_seed_gives_the_same_results() {
        assert_eq!(run(SETTING), run(SETTING));
    }
}
