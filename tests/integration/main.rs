//! End-to-end tests over loopback sockets: one module for each subject.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests, helpers included")]

mod allocations;
mod architecture;
mod around_a_router;
mod attacks;
mod audit;
mod authorization;
mod axum_stack;
mod clients;
mod dev_passport;
mod differential;
mod documentation;
mod end_to_end;
mod floods;
mod grpc_stack;
mod grpc_web;
mod handler_tests;
mod harness;
mod http_and_grpc;
mod invalid_tokens;
mod issuers;
mod known_vulnerabilities;
mod leaks;
mod module_cycles;
mod networks;
mod npm;
mod outbound;
mod request_paths;
mod resource_metadata;
mod revocation;
mod token_deadlines;
mod token_factory;
