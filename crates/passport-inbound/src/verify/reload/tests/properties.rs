//! Property tests: sequences of tokens, key rotations and reloads.

use std::sync::LazyLock;

use passport_core::ManualClock;
use proptest::prelude::*;

use super::*;
use crate::{IdInfo, VerifyError, test_support::START};

const ISSUERS: [&str; 3] = [PASSPORT, ALPHA, BETA];
const TENANTS: [&str; 3] = ["contoso", "fabrikam", "tailspin"];
const KEY_PATHS: [&str; 3] = ["/passport-keys", "/alpha-keys", "/beta-keys"];

/// A configuration: the trusted issuers, and the lists of allowed issuers.
#[derive(Clone, Debug)]
struct Config {
    /// The trusted issuers, except Passport, which is always trusted: by position in [`ISSUERS`].
    trusted: [bool; 3],
    /// For each tenant, the positions of the allowed issuers. `None` for a tenant without a list.
    lists: [Option<[bool; 3]>; 3],
    /// The tenant of the callers of the third issuer.
    fixed: usize,
}

impl Config {
    /// Returns whether an issuer may speak for a tenant, by positions.
    fn may_speak_for(&self, issuer: usize, tenant: usize) -> bool {
        let is_listed = self.lists[tenant].map(|list| list[issuer]);
        self.trusted[issuer]
            && match issuer {
                0 => is_listed != Some(false),
                1 => is_listed == Some(true),
                _ => is_listed != Some(false) && tenant == self.fixed,
            }
    }

    fn apply(&self, mut builder: TokenVerifierBuilder) -> TokenVerifierBuilder {
        let alpha = fetching(ALPHA, "alpha").tenant(TenantRule::claim("tenant_id"));
        let beta = fetching(BETA, "beta").tenant(TenantRule::fixed(TENANTS[self.fixed]));
        for (issuer, path, position) in [(alpha, KEY_PATHS[1], 1), (beta, KEY_PATHS[2], 2)] {
            if self.trusted[position] {
                let url = format!("{}{path}", issuer.issuer);
                builder = builder.trust(issuer.jwks_url(url));
            }
        }
        for (tenant, list) in TENANTS.iter().zip(&self.lists) {
            let allowed = list.iter().flat_map(|list| (0..3).filter(|issuer| list[*issuer]));
            let allowed: Vec<_> =
                allowed.filter(|issuer| self.trusted[*issuer]).map(|issuer| ISSUERS[issuer]).collect();
            if !allowed.is_empty() {
                builder = builder.allowed_issuers(*tenant, allowed);
            }
        }
        builder
    }
}

/// Returns configurations. A list names at least one trusted issuer: Passport, if no other.
fn config() -> impl Strategy<Value = Config> {
    let list = prop::option::of(any::<[bool; 3]>());
    (any::<[bool; 2]>(), [list.clone(), list.clone(), list], 0..3_usize).prop_map(
        |([alpha, beta], mut lists, fixed)| {
            let trusted = [true, alpha, beta];
            for list in lists.iter_mut().flatten() {
                list[0] |= !(0..3).any(|issuer| list[issuer] && trusted[issuer]);
            }
            Config { trusted, lists, fixed }
        },
    )
}

/// A token, by positions.
#[derive(Clone, Copy, Debug)]
struct Token {
    issuer: usize,
    tenant: usize,
    key: usize,
}

/// All tokens: of each issuer, for each tenant, with each key.
static TOKENS: LazyLock<Vec<(Token, String)>> = LazyLock::new(|| {
    let mut tokens = Vec::new();
    for (issuer, iss) in ISSUERS.iter().enumerate() {
        for (tenant, name) in TENANTS.iter().enumerate() {
            for key in 0..3 {
                let mut claims = claims_with(iss, "tenant_id", json!(name));
                claims["exp"] = json!(START + 1_000_000);
                tokens.push((Token { issuer, tenant, key }, test_key(key).token("k", &claims)));
            }
        }
    }
    tokens
});

#[derive(Clone, Debug)]
enum Action {
    Wait(u32),
    Publish { issuer: usize, keys: [bool; 3] },
    GoDown { issuer: usize },
    Reload(Config),
    Verify(usize),
}

fn action() -> impl Strategy<Value = Action> {
    let token = any::<prop::sample::Index>().prop_map(|index| Action::Verify(index.index(27)));
    prop_oneof![
        2 => (1_u32..2000).prop_map(Action::Wait),
        1 => (0..3_usize, any::<[bool; 3]>()).prop_map(|(issuer, keys)| Action::Publish { issuer, keys }),
        1 => (0..3_usize).prop_map(|issuer| Action::GoDown { issuer }),
        3 => config().prop_map(Action::Reload),
        12 => token,
    ]
}

/// A verifier with its own scripted issuer.
struct Subject {
    issuer: ScriptedIssuer,
    transport: Transport,
    clock: ManualClock,
    verifier: TokenVerifier,
    caches_tokens: bool,
    runtime: tokio::runtime::Runtime,
}

impl Subject {
    fn new(clock: &ManualClock, caches_tokens: bool, config: &Config) -> Self {
        let issuer = ScriptedIssuer::new(ScriptedResponse::body(""));
        let transport = Transport::new(issuer.clone());
        let builder = Self::builder(&transport, clock, caches_tokens);
        let verifier = config.apply(builder).build().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let subject = Self { issuer, transport, clock: clock.clone(), verifier, caches_tokens, runtime };
        (0..3).for_each(|issuer| subject.publish(issuer, [true; 3]));
        subject
    }

    fn builder(transport: &Transport, clock: &ManualClock, caches_tokens: bool) -> TokenVerifierBuilder {
        TokenVerifier::builder("api")
            .issuer(PASSPORT)
            .jwks_url(format!("{PASSPORT}{}", KEY_PATHS[0]))
            .transport(transport.clone())
            .clock(clock.clone())
            .cache_tokens(caches_tokens)
            .without_jitter()
    }

    fn publish(&self, issuer: usize, keys: [bool; 3]) {
        let keys: Vec<_> = (0..3).filter(|key| keys[*key]).map(|key| test_key(key).jwk("k")).collect();
        let body = json!({ "keys": keys }).to_string();
        self.issuer.respond_at(KEY_PATHS[issuer], ScriptedResponse::body(&body));
    }

    fn reload(&self, config: &Config) -> IssuerChanges {
        let builder = Self::builder(&self.transport, &self.clock, self.caches_tokens);
        self.verifier.replace(config.apply(builder)).unwrap()
    }

    fn verify(&self, token: &str) -> Result<IdInfo, VerifyError> {
        self.runtime.block_on(self.verifier.verify(token))
    }
}

/// Returns what identifies a caller.
fn identity(caller: &IdInfo) -> [String; 4] {
    let name = caller.issuer_name().to_string();
    [caller.issuer(), &name, caller.user_id(), caller.tenant_id()].map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    /// Tries random sequences of tokens, key rotations, outages and reloads.
    /// - A caller of an issuer never has a tenant for which this issuer may not speak now.
    /// - A verifier that caches tokens has the same results as a verifier that does not.
    #[test]
    fn no_issuer_speaks_for_the_tenant_of_another(
        first in config(),
        steps in prop::collection::vec(action(), 1..60),
    ) {
        let clock = ManualClock::at_unix_seconds(START);
        let subjects = [Subject::new(&clock, true, &first), Subject::new(&clock, false, &first)];
        let mut current = first;
        for step in steps {
            match step {
                Action::Wait(seconds) => clock.advance(Duration::from_secs(seconds.into())),
                Action::Publish { issuer, keys } => {
                    subjects.iter().for_each(|subject| subject.publish(issuer, keys));
                }
                Action::GoDown { issuer } => {
                    let down = ScriptedResponse::Status(http::StatusCode::BAD_GATEWAY);
                    subjects.iter().for_each(|it| it.issuer.respond_at(KEY_PATHS[issuer], down.clone()));
                }
                Action::Reload(config) => {
                    let changes = subjects.each_ref().map(|subject| subject.reload(&config));
                    prop_assert_eq!(&changes[0], &changes[1]);
                    current = config;
                }
                Action::Verify(number) => {
                    let (token, text) = &TOKENS[number];
                    let results = subjects.each_ref().map(|subject| subject.verify(text));
                    let [cached, uncached] = results.each_ref().map(|it| it.as_ref().map(identity));
                    prop_assert_eq!(cached, uncached, "{:?}", token);
                    for caller in results.iter().flatten() {
                        let tenant = TENANTS.iter().position(|name| *name == caller.tenant_id()).unwrap();
                        prop_assert_eq!(caller.issuer(), ISSUERS[token.issuer]);
                        prop_assert!(current.may_speak_for(token.issuer, tenant), "{:?} {:?}", token, current);
                        prop_assert!(token.issuer == 2 || tenant == token.tenant);
                    }
                }
            }
        }
    }

    /// While all keys are published, exactly the tokens that the rules allow are accepted.
    #[test]
    fn tokens_are_accepted_exactly_as_the_rules_say(configs in prop::collection::vec(config(), 1..8)) {
        let clock = ManualClock::at_unix_seconds(START);
        let subject = Subject::new(&clock, true, &configs[0]);
        for config in &configs {
            subject.reload(config);
            for (token, text) in TOKENS.iter().filter(|(token, _)| token.key == token.issuer) {
                let tenant = if token.issuer == 2 { config.fixed } else { token.tenant };
                let is_accepted = subject.verify(text).is_ok();
                prop_assert_eq!(is_accepted, config.may_speak_for(token.issuer, tenant), "{:?}", token);
            }
        }
    }
}
