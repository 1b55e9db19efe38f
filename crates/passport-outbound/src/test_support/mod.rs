//! Support for the unit tests of this crate: token sources, and managers and identities that
//! use them.

pub(crate) mod in_memory_passport;
pub(crate) mod in_memory_store;
mod scripted_source;

use std::{sync::Arc, time::Duration};

use passport_core::{SecretSource, SharedClock};
pub(crate) use passport_test_support::metrics::measured;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::scripted_source::ScriptedSource;
use crate::{
    ManagedIdentity,
    identity::IdentitySpec,
    token::{DEFAULT_THRESHOLD, RefreshSettings, Retention, TokenEntry, TokenManager, TokenSource},
};

/// Creates a manager that fetches from `source`, with its own cache entry.
pub(crate) fn manager(source: &Arc<ScriptedSource>) -> Arc<TokenManager> {
    Arc::new(manager_value(source, Arc::default()))
}

/// Creates a manager whose cache entry has the given retention.
pub(crate) fn manager_that_retains(source: &Arc<ScriptedSource>, retention: Retention) -> Arc<TokenManager> {
    Arc::new(manager_value(source, Arc::new(TokenEntry::new(retention))))
}

/// Creates a manager that shares `entry` with other managers.
pub(crate) fn manager_with_entry(source: &Arc<ScriptedSource>, entry: &Arc<TokenEntry>) -> Arc<TokenManager> {
    Arc::new(manager_value(source, Arc::clone(entry)))
}

/// Creates an identity whose default token comes from `source`, through a manager with its own
/// cache entry.
pub(crate) fn identity(source: &Arc<ScriptedSource>) -> ManagedIdentity {
    identity_with_manager(manager_value(source, Arc::default()))
}

/// Creates an identity whose default token comes from `manager`.
pub(crate) fn identity_with_manager(manager: TokenManager) -> ManagedIdentity {
    let builder = ManagedIdentity::builder("mi-test", SecretSource::from_value("unused"));
    let (spec, scopes) = builder.parsed().unwrap();
    let spec = IdentitySpec { life: manager.life.clone(), attempts: manager.attempts.clone(), ..spec };
    ManagedIdentity::with_manager(manager, spec, scopes)
}

/// The refresh settings of the tests: the default threshold, and no jitter.
pub(crate) const POLICY: RefreshSettings = RefreshSettings { threshold: DEFAULT_THRESHOLD, jitter: 0.0 };

fn manager_value(source: &Arc<ScriptedSource>, entry: Arc<TokenEntry>) -> TokenManager {
    manager_with_source(Box::new(Arc::clone(source)), source, entry)
}

/// Creates a manager that fetches from `source`, and reads the time from the clock of `script`.
pub(crate) fn manager_with_source(
    source: Box<dyn TokenSource>,
    script: &ScriptedSource,
    entry: Arc<TokenEntry>,
) -> TokenManager {
    TokenManager {
        client_id: "mi-test".parse().unwrap(),
        source,
        entry,
        policy: POLICY,
        attempt_timeout: Duration::from_secs(10),
        clock: SharedClock::new(script.clock.clone()),
        life: CancellationToken::new(),
        attempts: TaskTracker::new(),
    }
}
