use std::{
    sync::OnceLock,
    thread::{self, ThreadId},
};

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

#[tokio::test]
async fn random_bytes_are_drawn_on_another_thread() {
    static RANDOM: Recorder = Recorder(OnceLock::new());
    drawn_in_background(&RANDOM).await.unwrap().unwrap();
    assert_ne!(*RANDOM.0.get().unwrap(), thread::current().id());
}
