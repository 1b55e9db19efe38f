//! A minimal service with azure_identity.

fn main() {
    passport_bench::cold::outbound::<passport_bench::outbound::peers::azure_identity::AzureIdentity>();
}
