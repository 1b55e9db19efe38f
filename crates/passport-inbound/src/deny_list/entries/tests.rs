//! Tests of the entries without a clock: the time is the number of seconds in each test.

use std::{
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::*;
use crate::{Denial, DeniedSubject, deny_list::CallerIds};

const ISSUER: &str = "https://i.example";
const HOUR: u32 = 3600;

fn limits(capacity: usize, when_full: FullPolicy) -> Limits {
    Limits { capacity, when_full, retention: HOUR }
}

fn at(seconds: u32) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.into())
}

fn denial(id: &str, tenant: Option<&str>, issued_before: u32) -> DenialRecord {
    let denial = Denial::new(ISSUER, DeniedSubject::Subject(id.to_owned()), at(issued_before));
    let denial = tenant.into_iter().fold(denial, Denial::tenant);
    DenialRecord::new(&denial, Duration::from_secs(HOUR.into()), at(issued_before))
}

fn caller(id: &str, tenant: &str) -> CallerKeys {
    CallerKeys::of(&CallerIds {
        issuer: ISSUER,
        tenant,
        user_id: id,
        sub: None,
        session: None,
        token_id: None,
        managed_identity: None,
    })
}

/// Returns whether a token of the user is refused at the time of its issuance plus a minute.
fn refuses(entries: &Entries, id: &str, tenant: &str, issued_at: u32) -> bool {
    entries.refuse(&caller(id, tenant), issued_at, || issued_at + 60)
}

#[test]
fn tokens_until_the_second_of_the_event_are_refused() {
    let entries = Entries::new();
    assert!(!refuses(&entries, "u", "t", 100));
    assert!(entries.insert(denial("u", None, 100), &limits(10, FullPolicy::RefuseTenant), 100).has_changed);
    for (issued_at, is_refused) in [(99, true), (100, true), (101, false)] {
        assert_eq!(refuses(&entries, "u", "t", issued_at), is_refused, "{issued_at}");
    }
    assert!(!refuses(&entries, "v", "t", 100));
}

#[test]
fn second_denial_of_a_subject_extends_the_first() {
    let (entries, limits) = (Entries::new(), limits(10, FullPolicy::RefuseTenant));
    assert!(entries.insert(denial("u", None, 100), &limits, 100).has_changed);
    assert!(entries.insert(denial("u", None, 200), &limits, 200).has_changed);
    assert!(!entries.insert(denial("u", None, 150), &limits, 200).has_changed, "refuses nothing more");
    assert_eq!(entries.len(), 1);
    assert!(refuses(&entries, "u", "t", 200));
}

#[test]
fn expired_entry_refuses_nothing() {
    let (entries, limits) = (Entries::new(), limits(10, FullPolicy::RefuseTenant));
    entries.insert(denial("u", None, 100), &limits, 100);
    assert!(entries.refuse(&caller("u", "t"), 100, || 100 + HOUR - 1));
    assert!(!entries.refuse(&caller("u", "t"), 100, || 100 + HOUR));
    assert!(
        !entries.insert(denial("v", None, 100), &limits, 100 + HOUR).has_changed,
        "is expired on arrival"
    );
}

#[test]
fn insertion_removes_expired_entries() {
    let (entries, limits) = (Entries::new(), limits(10, FullPolicy::RefuseTenant));
    for second in 0..5 {
        entries.insert(denial(&second.to_string(), None, 100 + second), &limits, 100 + second);
    }
    entries.insert(denial("last", None, 102 + HOUR), &limits, 102 + HOUR);
    assert_eq!(entries.len(), 3, "the entries of 103 and 104, and the last one");
}

#[test]
fn full_list_sweeps_expired_entries_in_any_order() {
    let (entries, limits) = (Entries::new(), limits(2, FullPolicy::DropOldest));
    entries.insert(denial("long", None, 100), &limits, 100);
    let mut short = denial("short", None, 100);
    short.expires_at = 110;
    entries.insert(short, &limits, 100);
    let inserted = entries.insert(denial("new", None, 200), &limits, 200);
    assert_eq!((inserted.dropped, entries.len()), (0, 2));
    assert!(refuses(&entries, "long", "t", 100) && refuses(&entries, "new", "t", 200));
}

#[test]
fn full_list_refuses_the_largest_tenant() {
    let (entries, limits) = (Entries::new(), limits(5, FullPolicy::RefuseTenant));
    for (id, tenant) in [("1", "small"), ("2", "large"), ("3", "large"), ("4", "large"), ("5", "small")] {
        entries.insert(denial(id, Some(tenant), 100), &limits, 100);
    }
    let inserted = entries.insert(denial("6", Some("small"), 200), &limits, 200);
    assert_eq!((inserted.refused.len(), inserted.dropped), (1, 0));
    assert_eq!(entries.len(), 4, "one for the large tenant, three of the small one");
    assert!(refuses(&entries, "another", "large", 200), "all tokens until now");
    assert!(!refuses(&entries, "another", "large", 201));
    assert!(!refuses(&entries, "another", "small", 100));
    for id in ["1", "5", "6"] {
        assert!(refuses(&entries, id, "small", 100), "{id}");
    }
}

#[test]
fn refused_tenant_needs_no_further_entries() {
    let (entries, limits) = (Entries::new(), limits(2, FullPolicy::RefuseTenant));
    for id in ["1", "2", "3"] {
        entries.insert(denial(id, Some("t"), 100), &limits, 200);
    }
    assert_eq!(entries.len(), 1);
    assert!(!entries.insert(denial("4", Some("t"), 150), &limits, 200).has_changed);
    assert!(refuses(&entries, "4", "t", 150));
}

#[test]
fn refused_tenant_keeps_the_latest_time_of_its_entries() {
    let (entries, limits) = (Entries::new(), limits(2, FullPolicy::RefuseTenant));
    for id in ["1", "2", "3"] {
        entries.insert(denial(id, Some("t"), 230), &limits, 200);
    }
    assert!(refuses(&entries, "1", "t", 230), "the clock of the issuer is ahead");
}

#[test]
fn denial_of_a_tenant_extends_its_refusal_when_full() {
    let limits = limits(2, FullPolicy::RefuseTenant);
    let tenant = Denial::new(ISSUER, DeniedSubject::Tenant("t".to_owned()), at(100));
    let tenant = DenialRecord::new(&tenant, Duration::from_secs(HOUR.into()), at(200));
    // The first end is that of a denial within the second 200, the other is later.
    for expires_at in [200 + HOUR + 1, 200 + HOUR + 2] {
        let entries = Entries::new();
        entries.insert(denial("1", Some("t"), 190), &limits, 190);
        entries.insert(denial("2", Some("t"), 195), &limits, 195);
        let inserted = entries.insert(DenialRecord { expires_at, ..tenant }, &limits, 200);
        assert_eq!(inserted.refused.len(), 1);
        assert!(refuses(&entries, "1", "t", 190) && refuses(&entries, "2", "t", 195));
        assert_eq!(entries.records(), [DenialRecord { issued_before: 200, expires_at, ..tenant }]);
        assert_eq!(entries.len(), 1);
    }
}

#[test]
fn entry_of_two_tenants_outlives_the_refusal_of_one() {
    let limits = limits(4, FullPolicy::RefuseTenant);
    // The second denial is later, or adds nothing but its tenant.
    for second in [101, 100] {
        let entries = Entries::new();
        entries.insert(denial("u", Some("t1"), 100), &limits, 100);
        assert!(entries.insert(denial("u", Some("t2"), second), &limits, second).has_changed);
        assert!(!entries.insert(denial("u", Some("t1"), 100), &limits, second).has_changed);
        for id in ["1", "2", "3", "4"] {
            entries.insert(denial(id, Some("t1"), 100), &limits, 100);
        }
        assert!(refuses(&entries, "another", "t1", 100), "the list is full");
        assert!(refuses(&entries, "u", "t2", second), "{second}");
        assert!(!refuses(&entries, "another", "t2", second));
        let copy = Entries::new();
        for record in entries.records() {
            copy.insert(record, &limits, 100);
        }
        assert!(refuses(&copy, "u", "t2", second), "{second}");
    }
}

#[test]
fn tenant_that_a_store_does_not_know_is_missing_in_it() {
    let (entries, limits) = (Entries::new(), limits(4, FullPolicy::RefuseTenant));
    let records = [denial("u", Some("t1"), 100), denial("u", Some("t2"), 100)];
    for record in records {
        entries.insert(record, &limits, 100);
    }
    assert_eq!(entries.missing_in(&records, 100), []);
    assert_eq!(entries.missing_in(&records[..1], 100), entries.records());
}

#[test]
fn entries_without_a_tenant_refuse_their_issuer_when_full() {
    let (entries, limits) = (Entries::new(), limits(3, FullPolicy::RefuseTenant));
    entries.insert(denial("1", Some("t"), 100), &limits, 100);
    for id in ["2", "3", "4"] {
        entries.insert(denial(id, None, 100), &limits, 100);
    }
    assert_eq!(entries.len(), 1, "the refusal of the issuer replaces the tenant's entry as well");
    assert!(refuses(&entries, "any", "other", 100));
}

#[test]
fn issuer_with_an_entry_for_each_tenant_is_refused_when_full() {
    let (entries, limits) = (Entries::new(), limits(2, FullPolicy::RefuseTenant));
    for id in ["1", "2", "3"] {
        entries.insert(denial(id, Some(id), 100), &limits, 100);
    }
    assert_eq!(entries.len(), 1);
    assert!(refuses(&entries, "any", "other", 100));
}

#[test]
fn full_list_drops_the_oldest_entry() {
    let (entries, limits) = (Entries::new(), limits(2, FullPolicy::DropOldest));
    for (id, dropped) in [("1", 0), ("2", 0), ("3", 1), ("4", 1)] {
        let inserted = entries.insert(denial(id, None, 100), &limits, 100);
        assert_eq!((inserted.dropped, inserted.refused.len()), (dropped, 0), "{id}");
    }
    assert_eq!(entries.len(), 2);
    let refused = ["1", "2", "3", "4"].map(|id| refuses(&entries, id, "t", 100));
    assert_eq!(refused, [false, false, true, true]);
}

#[test]
fn entry_that_is_denied_again_is_not_the_oldest() {
    let (entries, limits) = (Entries::new(), limits(2, FullPolicy::DropOldest));
    for (id, at) in [("1", 100), ("2", 101), ("1", 102), ("3", 103)] {
        entries.insert(denial(id, None, at), &limits, at);
    }
    let refused = ["1", "2", "3"].map(|id| refuses(&entries, id, "t", 100));
    assert_eq!(refused, [true, false, true]);
}

#[test]
fn subject_that_is_denied_often_needs_little_memory() {
    let (entries, limits) = (Entries::new(), limits(10, FullPolicy::DropOldest));
    entries.insert(denial("other", None, 100), &limits, 100);
    for second in 0..10_000 {
        entries.insert(denial("u", None, 100 + second), &limits, 100);
    }
    let items = entries.ledger.lock().unwrap().order.iter().count();
    assert!(items < 1_100, "{items}");
    let times: Vec<_> = entries.records().iter().map(|record| record.issued_before).collect();
    assert_eq!(times, [100, 10_099]);
}

#[test]
fn each_entry_is_in_the_order_once() {
    for policy in [FullPolicy::RefuseTenant, FullPolicy::DropOldest] {
        let (entries, limits) = (Entries::new(), limits(20, policy));
        for step in 0..5_000 {
            let (id, tenant, at) = (step * 7_919 % 50, step * 7_919 % 7, 100 + 3 * step);
            entries.insert(denial(&id.to_string(), Some(&tenant.to_string()), at), &limits, at);
            let keys: HashSet<_> = entries.records().iter().map(|record| record.key).collect();
            assert_eq!((keys.len(), entries.records().len()), (entries.len(), entries.len()));
            assert!(entries.len() <= 20);
        }
    }
}

#[test]
fn many_small_tenants_are_refused_together() {
    let (entries, limits) = (Entries::new(), limits(10_000, FullPolicy::RefuseTenant));
    let names = |id: usize| (id.to_string(), (id / 2).to_string());
    for (id, tenant) in (0..10_000).map(names) {
        entries.insert(denial(&id, Some(&tenant), 100), &limits, 100);
    }
    let insert = |id: &str| entries.insert(denial(id, Some(id), 100), &limits, 100).refused.len();
    assert_eq!(insert("first"), 39, "1/256 of the capacity");
    assert_eq!(entries.len(), 10_000 - 39 + 1);
    for id in 1..39 {
        assert_eq!(insert(&format!("new {id}")), 0);
    }
    assert_eq!(entries.len(), 10_000);
    assert_eq!(insert("last"), 39);
    for (id, tenant) in (0..10_000).map(names) {
        assert!(refuses(&entries, &id, &tenant, 100), "{id}");
    }
}

#[test]
fn issuer_is_refused_if_its_tenants_free_too_little() {
    let (entries, limits) = (Entries::new(), limits(1_024, FullPolicy::RefuseTenant));
    for id in 0..1_024 {
        let tenant = if id < 4 { id / 2 } else { id };
        entries.insert(denial(&id.to_string(), Some(&tenant.to_string()), 100), &limits, 100);
    }
    let inserted = entries.insert(denial("new", Some("new"), 100), &limits, 100);
    assert_eq!(inserted.refused.len(), 1, "the two tenants free 2 entries of 4");
    assert!(inserted.refused[0].group.is_issuer());
    assert_eq!(entries.len(), 1);
}

#[test]
fn records_rebuild_the_list() {
    let (entries, limits) = (Entries::new(), limits(10, FullPolicy::RefuseTenant));
    for (id, tenant) in [("1", Some("t")), ("2", None), ("3", Some("u"))] {
        entries.insert(denial(id, tenant, 100), &limits, 100);
    }
    let copy = Entries::new();
    for record in entries.records() {
        copy.insert(record, &limits, 100);
    }
    assert_eq!(copy.records(), entries.records());
    assert_eq!(copy.len(), 3);
}

#[test]
fn groups_are_reused_after_their_last_entry() {
    let (entries, limits) = (Entries::new(), limits(1, FullPolicy::DropOldest));
    for id in 0..100 {
        let (id, at) = (id.to_string(), 100 + id);
        entries.insert(denial(&id, Some(&id), at), &limits, at);
        assert!(refuses(&entries, &id, &id, at));
    }
    assert_eq!(entries.records().len(), 1);
}

#[test]
fn keys_are_read_before_those_that_replace_them() {
    let ids = CallerIds {
        issuer: ISSUER,
        tenant: "t",
        user_id: "u",
        sub: Some("s"),
        session: None,
        token_id: Some("j"),
        managed_identity: Some("m"),
    };
    let keys: Vec<_> = CallerKeys::of(&ids).iter().copied().collect();
    assert_eq!(keys[keys.len() - 2..], [DenialKey::of_tenant(ISSUER, "t"), DenialKey::of_issuer(ISSUER)]);
}

#[test]
fn denial_is_never_lost_while_a_full_list_replaces_it() {
    // The writer fills the list: the tenant replaces the entry, and then the issuer the tenant.
    for _ in 0..200 {
        let (entries, limits) = (Entries::new(), limits(4, FullPolicy::RefuseTenant));
        entries.insert(denial("known", Some("t"), 100), &limits, 100);
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for id in 0..4 {
                    entries.insert(denial(&format!("member-{id}"), Some("t"), 100), &limits, 100);
                }
                for id in 0..4 {
                    let tenant = format!("tenant-{id}");
                    entries.insert(denial(&tenant, Some(&tenant), 100), &limits, 100);
                }
            });
            while !writer.is_finished() {
                assert!(refuses(&entries, "known", "t", 100));
            }
        });
        assert!(refuses(&entries, "any", "other", 100), "the issuer has replaced all entries");
    }
}

#[test]
fn only_entries_that_a_store_lacks_are_missing_in_it() {
    let entries = Entries::new();
    let records = [denial("u", Some("t"), 10), denial("v", Some("t"), 20), denial("w", None, 30)];
    for record in records {
        entries.insert(record, &limits(10, FullPolicy::RefuseTenant), 0);
    }
    assert_eq!(entries.missing_in(&[], 0), records);
    assert_eq!(entries.missing_in(&records, 0), []);
    assert_eq!(entries.missing_in(&[denial("u", Some("t"), 9), records[1]], 0), [records[0], records[2]]);
    assert_eq!(entries.missing_in(&[], 20 + HOUR), [records[2]], "expired entries are not missing");
    let tenant = Denial::new(ISSUER, DeniedSubject::Tenant("t".to_owned()), at(20));
    let tenant = DenialRecord::new(&tenant, Duration::from_secs(HOUR.into()), at(20));
    assert_eq!(entries.missing_in(&[tenant], 0), [records[2]], "the tenant is denied");
}
