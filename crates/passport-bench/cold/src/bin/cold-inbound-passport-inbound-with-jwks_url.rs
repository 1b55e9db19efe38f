//! A minimal service with passport-inbound, and with the URL of the keys.

fn main() {
    passport_bench::cold::inbound::<passport_bench::inbound::ours::OursWithJwksUrl>();
}
