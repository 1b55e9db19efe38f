//! A minimal service with aliri_tower.

fn main() {
    passport_bench::cold::inbound::<passport_bench::inbound::peers::aliri_tower::AliriTower<false>>();
}
