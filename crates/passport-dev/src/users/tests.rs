use super::*;

fn session(id: &str) -> Session {
    Session { id: id.to_owned(), tenant_id: "tenant-1".to_owned() }
}

#[test]
fn token_belongs_to_the_newest_session() {
    let mut users = Users::default();
    assert_eq!(users.record_issued("alice", "before"), None);
    users.start_session("alice", session("s1"));
    users.start_session("alice", session("s2"));
    assert_eq!(users.record_issued("alice", "after"), Some(session("s2")));
    assert_eq!(users.record_issued("bob", "other"), None);
}

#[test]
fn ended_session_returns_its_tokens_only() {
    let mut users = Users::default();
    users.record_issued("alice", "t0");
    users.start_session("alice", session("s1"));
    users.record_issued("alice", "t1");
    users.start_session("alice", session("s2"));
    users.record_issued("alice", "t2");

    let ended = EndedSession { user_id: "alice".to_owned(), session: session("s1") };
    assert_eq!(users.end_session("s1"), Some((ended, vec!["t1".to_owned()])));
    assert_eq!(users.end_session("s1"), None);
    assert_eq!(users.record_issued("alice", "t3"), Some(session("s2")));
}

#[test]
fn logout_returns_all_tokens_of_the_user() {
    let mut users = Users::default();
    users.record_issued("alice", "t0");
    users.start_session("alice", session("s1"));
    users.record_issued("alice", "t1");
    users.record_issued("bob", "t2");
    assert_eq!(users.log_out("alice"), ["t0", "t1"]);
    assert_eq!(users.end_session("s1"), None);
    assert!(users.log_out("alice").is_empty());
}
