//! Runs all benchmarks and writes the page and the figures. `cargo xtask bench` runs it.

use std::{
    error::Error,
    fs,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Parser;
use passport_bench::{
    allocations::Allocations,
    areas::{
        World, cold_start, end_to_end, fleet, growth, inbound_cost, inbound_stress, instructions,
        outbound_behaviour, outbound_cost, outbound_threads, sidecar,
    },
    fleet::worker,
    install_crypto_provider,
    report::{Section, charts, environment, markdown},
    serve,
};

/// The crates that the page lists with their versions.
const MEASURED: [&str; 22] = [
    "aliri_reqwest",
    "aliri_tower",
    "aws-lc-rs",
    "axum",
    "axum-jose",
    "axum-jwt-auth",
    "axum-keycloak-auth",
    "azure_core",
    "azure_identity",
    "cf-gears-toolkit-auth",
    "google-cloud-auth",
    "huskarl",
    "huskarl-axum",
    "huskarl-resource-server",
    "hyper",
    "jsonwebtoken",
    "jwt-authorizer",
    "middle",
    "tokio",
    "tonic",
    "tower-http",
    "tower-oauth2-resource-server",
];

/// The root of the project. A full run writes its `docs/benchmarks.md`.
const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The folder of the page of a quick run.
const QUICK_RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench");

/// Measures tower-passport, and compares it with other crates and with a floor.
#[derive(Debug, Parser)]
struct Arguments {
    /// Measure in less time: the figures are less precise, and the page is written to
    /// target/bench/docs.
    #[arg(long)]
    quick: bool,
    /// Serve this contender until killed. The end-to-end area starts its servers with this option.
    #[arg(long, hide = true)]
    serve: Option<String>,
    /// Run one process of a fleet of this contender. The fleet area starts its processes with this
    /// option.
    #[arg(long, hide = true, requires = "endpoint")]
    fleet: Option<String>,
    #[arg(long, hide = true)]
    endpoint: Option<SocketAddr>,
    /// Measure only this area, and write no file: inbound, outbound, threads, instructions,
    /// behaviour, fleet, stress, end-to-end, sidecar, growth or cold-start.
    #[arg(long)]
    only: Option<String>,
    /// The file of the figures, one line of JSON each.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench/figures.jsonl"))]
    figures: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    install_crypto_provider();
    if let Some(name) = &arguments.serve {
        return serve::serve(name);
    }
    if let (Some(name), Some(endpoint)) = (&arguments.fleet, arguments.endpoint) {
        return worker::work(name, endpoint);
    }
    for (name, value) in environment::described() {
        println!("{name}: {value}");
    }
    let world = World::new(arguments.quick);
    let own = std::env::current_exe()?;
    let allocations = Allocations::counted(&own);
    let areas: [(&str, &dyn Fn() -> Vec<Section>); 11] = [
        ("inbound", &|| inbound_cost::sections(&world, &allocations)),
        ("outbound", &|| outbound_cost::sections(&world, &allocations)),
        ("threads", &|| outbound_threads::sections(&world)),
        ("instructions", &|| instructions::sections()),
        ("behaviour", &|| outbound_behaviour::sections(&world)),
        ("fleet", &|| fleet::sections(&world)),
        ("stress", &|| inbound_stress::sections(&world)),
        ("end-to-end", &|| end_to_end::sections(&world)),
        ("sidecar", &|| sidecar::sections(&world)),
        ("growth", &|| growth::sections(&world)),
        ("cold-start", &|| cold_start::sections(&world)),
    ];
    let mut sections = Vec::new();
    for (name, area) in areas {
        if arguments.only.as_deref().is_none_or(|only| only == name) {
            let began = Instant::now();
            let new = area();
            new.iter().for_each(show);
            println!("({name}: {:.0} s)", began.elapsed().as_secs_f64());
            sections.extend(new);
        }
    }
    match &arguments.only {
        None => {
            write_figures(&arguments.figures, &sections)?;
            write_page(
                Path::new(if arguments.quick { QUICK_RUN } else { PROJECT }),
                &sections,
                arguments.quick,
            )
        }
        Some(only) if sections.is_empty() => Err(format!("unknown area `{only}`").into()),
        Some(_) => Ok(()),
    }
}

fn show(section: &Section) {
    println!("\n## {}\n\n{}", section.title, markdown::table(&section.table));
}

fn write_figures(path: &Path, sections: &[Section]) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::create(path)?;
    for figure in sections.iter().flat_map(|section| &section.figures) {
        writeln!(file, "{}", serde_json::to_string(figure)?)?;
    }
    Ok(())
}

fn write_page(root: &Path, sections: &[Section], is_quick: bool) -> Result<(), Box<dyn Error>> {
    let pictures = root.join("docs/benchmarks");
    fs::create_dir_all(&pictures)?;
    for chart in sections.iter().flat_map(|section| &section.charts) {
        charts::draw(chart, &pictures)?;
    }
    let page = root.join("docs/benchmarks.md");
    fs::write(&page, markdown::page(sections, &MEASURED, is_quick))?;
    println!("\nwritten to {}", page.display());
    Ok(())
}
