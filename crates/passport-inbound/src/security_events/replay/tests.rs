//! Tests of the memory of processed statements.

use std::time::UNIX_EPOCH;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn id(jti: &str) -> StatementId {
    StatementId::new(StatementKind::SecurityEvent, "i", jti)
}

#[test]
fn processed_statement_is_known() {
    let (memory, issuer) = (ReplayMemory::default(), IssuerName::new("i"));
    assert!(!memory.contains(&issuer, id("1")));
    memory.remember(&issuer, id("1"), UNIX_EPOCH, MINUTE);
    assert!(memory.contains(&issuer, id("1")) && !memory.contains(&issuer, id("2")));
    assert!(!memory.contains(&IssuerName::new("other"), id("1")));
    for other in [
        StatementId::new(StatementKind::SecurityEvent, "ii", "1"),
        StatementId::new(StatementKind::LogoutToken, "i", "1"),
    ] {
        assert!(!memory.contains(&issuer, other), "the issuer and the kind are part of the id");
    }
}

#[test]
fn statement_is_forgotten_after_the_retention() {
    let (memory, issuer) = (ReplayMemory::default(), IssuerName::new("i"));
    memory.remember(&issuer, id("1"), UNIX_EPOCH, MINUTE);
    memory.remember(&issuer, id("2"), UNIX_EPOCH + MINUTE, MINUTE);
    assert!(!memory.contains(&issuer, id("1")) && memory.contains(&issuer, id("2")));
}

#[test]
fn full_memory_forgets_the_oldest_statement_of_the_issuer() {
    let (memory, issuer) = (ReplayMemory::of(2), IssuerName::new("i"));
    let other = IssuerName::new("other");
    memory.remember(&other, id("1"), UNIX_EPOCH, MINUTE);
    for jti in ["1", "2", "3"] {
        memory.remember(&issuer, id(jti), UNIX_EPOCH, MINUTE);
    }
    let known = ["1", "2", "3"].map(|jti| memory.contains(&issuer, id(jti)));
    assert_eq!(known, [false, true, true]);
    assert!(memory.contains(&other, id("1")));
}

#[test]
fn repeated_statement_takes_no_further_place() {
    let (memory, issuer) = (ReplayMemory::of(2), IssuerName::new("i"));
    for jti in ["1", "2", "2"] {
        memory.remember(&issuer, id(jti), UNIX_EPOCH, MINUTE);
    }
    assert!(memory.contains(&issuer, id("2")));
    let issuers = memory.issuers.lock().unwrap();
    assert_eq!(issuers[&issuer].order.len(), issuers[&issuer].ids.len());
}
