//! A minimal service with axum-jwt-auth.

fn main() {
    passport_bench::install_jsonwebtoken10_provider();
    passport_bench::cold::inbound::<passport_bench::inbound::peers::axum_jwt_auth::AxumJwtAuth>();
}
