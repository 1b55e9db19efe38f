//! A minimal service with google-cloud-auth.

fn main() {
    passport_bench::cold::outbound::<passport_bench::outbound::peers::google_cloud_auth::GoogleCloudAuth>();
}
