use super::*;

fn lists<const N: usize>(lists: [(&str, &[&str]); N]) -> TenantIssuers {
    let set = |issuers: &[&str]| issuers.iter().map(|iss| (*iss).to_owned()).collect();
    TenantIssuers(lists.into_iter().map(|(tenant, issuers)| (tenant.to_owned(), set(issuers))).collect())
}

#[test]
fn listed_tenant_allows_only_its_issuers() {
    let tenants = lists([("contoso", &["a", "b"]), ("fabrikam", &["b"])]);
    assert!(tenants.allow("a", "contoso", true) && tenants.allow("a", "contoso", false));
    for (iss, tenant) in [("a", "fabrikam"), ("c", "contoso"), ("", "contoso"), ("a/", "contoso")] {
        assert!(!tenants.allow(iss, tenant, true) && !tenants.allow(iss, tenant, false), "{iss} {tenant}");
    }
}

#[test]
fn unlisted_tenant_allows_issuers_that_need_no_list() {
    let tenants = lists([("contoso", &["a"])]);
    for tenant in ["", "other", "Contoso", "contoso "] {
        assert!(tenants.allow("a", tenant, false), "{tenant}");
        assert!(!tenants.allow("a", tenant, true), "{tenant}");
    }
}

#[test]
fn lists_agree_if_nothing_changes_for_the_issuer() {
    let before = lists([("contoso", &["a", "b"]), ("fabrikam", &["b"])]);
    let agrees = |after: &TenantIssuers, own: &str| {
        let is_own = |iss: &str| iss == own;
        assert_eq!(before.agree_for(after, is_own), after.agree_for(&before, is_own));
        before.agree_for(after, is_own)
    };
    assert!(agrees(&before.clone(), "a"));
    let without_b = lists([("contoso", &["a"]), ("fabrikam", &["c"])]);
    assert!(agrees(&without_b, "a") && !agrees(&without_b, "b") && !agrees(&without_b, "c"));
    // A list that no longer exists restricts no issuer.
    let removed = lists([("contoso", &["a", "b"])]);
    assert!(!agrees(&removed, "a") && !agrees(&removed, "b"));
}
