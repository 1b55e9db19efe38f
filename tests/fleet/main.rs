//! A fleet that shares its tokens: real Redis servers, and instances as processes of their own. Two
//! tests run at a time: they wait for most of it. More would disturb the times that they measure.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod cached_token;
mod cluster_and_sentinel;
mod compromised_redis;
mod harness;
mod outages;
mod redis_connections;
mod redis_server;
mod token_requests;
mod workers;
