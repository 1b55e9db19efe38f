//! A minimal service with axum and no authentication.

fn main() {
    passport_bench::cold::inbound::<passport_bench::inbound::bare::BareAxum>();
}
