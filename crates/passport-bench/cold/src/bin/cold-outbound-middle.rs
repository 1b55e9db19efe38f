//! A minimal service with middle.

fn main() {
    passport_bench::cold::outbound::<passport_bench::outbound::peers::middle::Middle>();
}
