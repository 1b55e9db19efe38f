//! A minimal service with jsonwebtoken 11.

fn main() {
    passport_bench::install_jsonwebtoken11_provider();
    passport_bench::cold::inbound::<passport_bench::inbound::peers::home_made::HomeMade<false>>();
}
