//! Tests of the sidecar binary, which runs as a child process.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod ambiguous_messages;
mod caller_limits;
mod check_config;
mod forwarding;
mod harness;
mod http2_frames;
mod lifecycle;
mod memory;
mod open_files;
mod overload;
mod private_networks;
mod rejected_requests;
mod streaming;
mod systemd;
mod third_party_clients;
mod tokens;
mod unread_responses;
mod upstream_closes;
mod upstream_connections;
mod validate;
