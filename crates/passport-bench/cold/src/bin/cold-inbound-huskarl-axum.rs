//! A minimal service with huskarl-axum.

fn main() {
    passport_bench::cold::inbound::<passport_bench::inbound::peers::huskarl_axum::HuskarlAxum<false>>();
}
