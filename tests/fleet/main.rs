//! A fleet that shares tokens and denials: real Redis servers, and instances as child processes.
//! Two tests run concurrently, because they mostly wait. More would disturb the measured times.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod cached_token;
mod cluster_and_sentinel;
mod compromised_redis;
mod deny_list;
mod harness;
mod outages;
mod redis_connections;
mod redis_server;
mod token_requests;
mod workers;
