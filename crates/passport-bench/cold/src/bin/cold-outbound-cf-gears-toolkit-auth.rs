//! A minimal service with cf-gears-toolkit-auth.

fn main() {
    passport_bench::cold::outbound::<
        passport_bench::outbound::peers::cf_gears_toolkit_auth::CfGearsToolkitAuth,
    >();
}
