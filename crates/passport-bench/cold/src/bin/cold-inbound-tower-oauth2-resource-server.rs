//! A minimal service with tower-oauth2-resource-server.

fn main() {
    passport_bench::install_jsonwebtoken11_provider();
    passport_bench::cold::inbound::<
        passport_bench::inbound::peers::tower_oauth2_resource_server::TowerOauth2ResourceServer<false>,
    >();
}
