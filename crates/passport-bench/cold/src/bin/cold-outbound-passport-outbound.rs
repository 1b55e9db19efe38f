//! A minimal service with passport-outbound.

fn main() {
    passport_bench::cold::outbound::<passport_bench::outbound::ours::Ours>();
}
