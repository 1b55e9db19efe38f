//! A minimal service with axum-jose.

fn main() {
    passport_bench::install_jsonwebtoken10_provider();
    passport_bench::cold::inbound::<passport_bench::inbound::peers::axum_jose::AxumJose<false>>();
}
