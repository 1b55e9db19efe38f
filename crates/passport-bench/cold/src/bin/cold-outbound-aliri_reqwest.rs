//! A minimal service with aliri_reqwest.

fn main() {
    passport_bench::cold::outbound::<passport_bench::outbound::peers::aliri_reqwest::AliriReqwest>();
}
