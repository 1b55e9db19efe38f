//! A minimal service with jwt-authorizer.

fn main() {
    passport_bench::cold::inbound::<passport_bench::inbound::peers::jwt_authorizer::JwtAuthorizerOnAxum07<false>>();
}
