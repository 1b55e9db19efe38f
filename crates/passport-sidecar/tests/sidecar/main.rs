//! The sidecar as a process of its own, as it is deployed: its doors, its interfaces, its end.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod ends;
mod floods;
mod frames;
mod memory;
mod odd_messages;
mod open_files;
mod others;
mod passed_on;
mod private_networks;
mod refusals;
mod scene;
mod shares;
mod streams;
mod systemd;
mod tokens;
mod upstream_closes;
mod upstream_connections;
mod validates;
