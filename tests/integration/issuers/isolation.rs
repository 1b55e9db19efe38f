//! Three issuers together: what happens at one has no effect on the callers of the others.

use passport_inbound::ReadyPolicy;
use tokio::time::timeout;

use super::{servers::TIMEOUT, three_issuers::*, *};
use crate::harness::{api_behind, status_with};

/// Returns the statuses of requests with these tokens.
async fn statuses(api: &str, tokens: &[String; 3]) -> [u16; 3] {
    let url = format!("{api}/whoami");
    let status = async |issuer: usize| status_with(&url, Some(&tokens[issuer])).await;
    [status(PASSPORT).await, status(WORKFORCE).await, status(PARTNER).await]
}

#[tokio::test]
async fn token_of_each_issuer_is_accepted_with_its_own_tenant_and_roles() {
    let Some(issuers) = ThreeIssuers::start().await else { return };
    let verifier = issuers.verifier();
    let urls = issuers.urls();
    let expected = [
        (urls[PASSPORT].as_str(), "ada", "tenant-1", "orders.admin", "ada@example.com"),
        ("workforce", CLIENT_ID, "contoso", "orders.write", "ada@contoso.example"),
        ("partner", CLIENT_ID, "acme", "orders.read", "bob@acme.example"),
    ];
    for (issuer, token) in issuers.tokens().await.iter().enumerate() {
        let (name, subject, tenant, role, email) = expected[issuer];
        // The second call is served by the cache.
        for _ in 0..2 {
            let caller = verifier.verify(token).await.unwrap();
            assert_eq!((caller.issuer(), caller.issuer_name().as_str()), (urls[issuer].as_str(), name));
            assert_eq!((caller.user_id(), caller.tenant_id()), (subject, tenant), "{name}");
            assert_eq!(
                (caller.roles(), caller.email()),
                ([role.to_owned()].as_slice(), Some(email)),
                "{name}"
            );
            assert_eq!(caller.is_external(), issuer != PASSPORT, "{name}");
            assert!(!caller.is_service_account(), "{name}");
        }
    }
}

#[tokio::test]
async fn rotation_at_one_issuer_has_no_effect_on_the_others() {
    let Some(mut issuers) = ThreeIssuers::start().await else { return };
    for rotated in [PASSPORT, WORKFORCE, PARTNER] {
        let verifier = issuers.verifier();
        let old_tokens = issuers.tokens().await;
        for token in &old_tokens {
            verifier.verify(token).await.unwrap();
        }
        let mut requests = issuers.key_requests().await;
        issuers.all[rotated].rotate_key().await;
        for token in issuers.tokens().await.iter().chain(&old_tokens) {
            verifier.verify(token).await.unwrap();
        }
        requests[rotated] += 1;
        assert_eq!(issuers.key_requests().await, requests, "rotation at {rotated}");
    }
}

#[tokio::test]
async fn outage_of_one_issuer_rejects_only_its_own_new_tokens() {
    let Some(mut issuers) = ThreeIssuers::start().await else { return };
    for down in [PASSPORT, WORKFORCE, PARTNER] {
        let api = api_behind(issuers.verifier()).await;
        let known = issuers.tokens().await;
        assert_eq!(statuses(&api, &known).await, [200; 3]);
        issuers.all[down].rotate_key().await;
        let new = issuers.tokens().await;
        issuers.all[down].stop().await;
        let mut expected = [200; 3];
        expected[down] = 503;
        assert_eq!(statuses(&api, &new).await, expected, "outage of {down}");
        assert_eq!(statuses(&api, &known).await, [200; 3], "outage of {down}");
        issuers.all[down].restart().await;
        issuers.clock.advance(COOLDOWN_WITH_JITTER);
        assert_eq!(statuses(&api, &new).await, [200; 3], "after the outage of {down}");
    }
}

#[tokio::test]
async fn service_starts_while_all_issuers_are_down() {
    let Some(mut issuers) = ThreeIssuers::start().await else { return };
    let tokens = issuers.tokens().await;
    for issuer in &mut issuers.all {
        issuer.stop().await;
    }
    let verifier = issuers.verifier();
    let api = api_behind(verifier.clone()).await;
    assert_eq!(statuses(&api, &tokens).await, [503; 3]);
    // After each recovery: the issuer, the policy that is then met, and those that are not.
    let recoveries = [
        (PARTNER, ReadyPolicy::Any, [ReadyPolicy::Passport, ReadyPolicy::All].as_slice()),
        (PASSPORT, ReadyPolicy::Passport, &[ReadyPolicy::All]),
        (WORKFORCE, ReadyPolicy::All, &[]),
    ];
    let mut expected = [503; 3];
    for (issuer, policy, not_met) in recoveries {
        assert!(!verifier.health().is_usable_for(policy), "{policy:?}");
        issuers.all[issuer].restart().await;
        issuers.clock.advance(COOLDOWN_WITH_JITTER);
        timeout(TIMEOUT, verifier.ready_for(policy)).await.expect("the issuer is up").unwrap();
        assert!(verifier.health().is_usable_for(policy), "{policy:?}");
        for policy in not_met {
            assert!(!verifier.health().is_usable_for(*policy), "{policy:?}");
        }
        expected[issuer] = 200;
        assert_eq!(statuses(&api, &tokens).await, expected);
    }
}
