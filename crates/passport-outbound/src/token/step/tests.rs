use super::*;

#[test]
fn step_follows_from_phase_and_activity() {
    use Activity::{Idle, Pausing, Retrying, Running};
    use Phase::{Fresh, Hard, Soft};
    for (phase, idle, running, retrying, pausing) in [
        (Some(Fresh), Step::Send, Step::Send, Step::Send, Step::Send),
        (Some(Soft), Step::SendAndRefresh, Step::Send, Step::Send, Step::Send),
        (Some(Hard), Step::Fetch, Step::Fetch, Step::Fetch, Step::Refuse),
        (None, Step::Fetch, Step::Fetch, Step::Fetch, Step::Refuse),
    ] {
        let steps = [Idle, Running, Retrying, Pausing].map(|activity| step(phase, activity));
        assert_eq!(steps, [idle, running, retrying, pausing], "{phase:?}");
    }
}
