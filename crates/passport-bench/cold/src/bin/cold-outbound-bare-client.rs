//! A minimal service with no token.

fn main() {
    passport_bench::cold::outbound::<passport_bench::outbound::bare::BareClient>();
}
