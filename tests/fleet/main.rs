//! A fleet that shares its tokens: real Redis servers, and instances that are processes of their own. The tests start and end
//! both. They take turns, and as long as the faults take that they wait for.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod cold;
mod doors;
mod hostile;
mod many_servers;
mod outages;
mod scene;
mod server;
mod warm;
mod workers;
