use super::*;

#[test]
fn what_a_caller_does_follows_from_the_tokens_phase_and_what_is_going_on() {
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
