use std::{sync::OnceLock, thread::ThreadId};

use rustls::crypto::GetRandomFailed;

use super::*;

/// Records the thread that draws random bytes.
#[derive(Debug)]
struct Recorder(OnceLock<ThreadId>);

impl SecureRandom for Recorder {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        assert!(!bytes.is_empty());
        self.0.set(thread::current().id()).map_err(|_| GetRandomFailed)
    }
}

#[test]
fn random_bytes_are_drawn_on_another_thread() {
    static RANDOM: Recorder = Recorder(OnceLock::new());
    assert!(drawn_in_background(&RANDOM).unwrap().join().unwrap());
    assert_ne!(*RANDOM.0.get().unwrap(), thread::current().id());
}
