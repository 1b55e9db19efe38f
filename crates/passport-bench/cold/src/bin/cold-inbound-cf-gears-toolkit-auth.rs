//! A minimal service with cf-gears-toolkit-auth.

fn main() {
    passport_bench::install_jsonwebtoken10_provider();
    passport_bench::cold::inbound::<passport_bench::inbound::peers::cf_gears_toolkit_auth::CfGearsToolkitAuth<false>>(
    );
}
