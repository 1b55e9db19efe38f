use super::*;

#[test]
fn action_follows_from_phase_and_activity() {
    use Activity::{BackingOff, Idle, Retrying, Running};
    use Phase::{Fresh, Hard, Soft};
    for (phase, idle, running, retrying, backing_off) in [
        (Some(Fresh), TokenAction::Send, TokenAction::Send, TokenAction::Send, TokenAction::Send),
        (Some(Soft), TokenAction::SendAndRefresh, TokenAction::Send, TokenAction::Send, TokenAction::Send),
        (Some(Hard), TokenAction::Fetch, TokenAction::Fetch, TokenAction::Fetch, TokenAction::ReturnError),
        (None, TokenAction::Fetch, TokenAction::Fetch, TokenAction::Fetch, TokenAction::ReturnError),
    ] {
        let actions = [Idle, Running, Retrying, BackingOff].map(|activity| action(phase, activity));
        assert_eq!(actions, [idle, running, retrying, backing_off], "{phase:?}");
    }
}
