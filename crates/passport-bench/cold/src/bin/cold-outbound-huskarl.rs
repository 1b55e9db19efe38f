//! A minimal service with huskarl.

fn main() {
    passport_bench::cold::outbound::<passport_bench::outbound::peers::huskarl::Huskarl>();
}
