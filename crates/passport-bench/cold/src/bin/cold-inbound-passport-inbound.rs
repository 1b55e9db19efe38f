//! A minimal service with passport-inbound.

fn main() {
    passport_bench::cold::inbound::<passport_bench::inbound::ours::Ours>();
}
