//! End to end, over real sockets on loopback: one module for each concern.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests, helpers included")]

mod allocations;
mod architecture;
mod attacks;
mod audit;
mod axum_stack;
mod clients;
mod dev_passport;
mod differential;
mod floods;
mod forge;
mod grpc_stack;
mod grpc_web;
mod guard_table;
mod guards;
mod handler_tests;
mod hostile_tokens;
mod leaks;
mod module_cycles;
mod networks;
mod one_layer;
mod outbound;
mod paths;
mod rfc_vectors;
mod streams;
mod support;
mod the_road;
#[path = "../vaults/tls.rs"]
mod tls;
