//! A minimal service with reqwest and a mutex.

fn main() {
    passport_bench::cold::outbound::<passport_bench::outbound::peers::home_made::HomeMade>();
}
