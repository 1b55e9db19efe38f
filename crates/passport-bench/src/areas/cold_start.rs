//! The time from the start of a process to its first authenticated call, and the size of its
//! program.

use std::{fs, path::PathBuf, time::Duration};

use super::World;
use crate::{
    cold::Start,
    inbound,
    outbound::{self, TokenEndpoint},
    report::{
        Figure, Section, Table, shown,
        targets::{COLD_START_INBOUND, COLD_START_OUTBOUND},
        times,
    },
    rig::median,
    site::Site,
};

/// A peer whose issuer is a stand-in, which would have to start in the measured process.
const NOT_MEASURED: &str = "axum-keycloak-auth";

/// Further baselines, which start like the bare client.
const FETCH_NO_TOKEN: [&str; 2] = ["static header", "bare reqwest-middleware"];

pub fn sections(world: &World) -> Vec<Section> {
    vec![inbound_section(world), outbound_section(world)]
}

fn inbound_section(world: &World) -> Section {
    let site = world.background.block_on(Site::start()).expect("the dev Passport starts");
    let peers = inbound::PEERS_ON_AXUM.into_iter().filter(|entry| entry.name != NOT_MEASURED);
    let services = inbound::OURS_AT_START.into_iter().chain(peers).map(|entry| {
        let authorization = entry.authorizations(&site, 1);
        let token = authorization[0].to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        let token = token.expect("a token is visible ASCII").to_owned();
        Service::new("inbound", entry.name, vec![site.issuer().to_owned(), token])
    });
    section(
        world,
        "Cold start: inbound",
        "The time from the start of the process to the response to the first request with a token, \
        which includes fetching the keys over loopback HTTP, and the processor time that the process \
        takes for that. Each contender is a program of its own: an axum router on the runtime that \
        `#[tokio::main]` builds, and nothing else. passport-inbound, huskarl-axum, jwt-authorizer and \
        tower-oauth2-resource-server find the keys by discovery; the others are given their URL. \
        axum-keycloak-auth is missing because its issuer is a stand-in in the same process. The size \
        is that of the stripped program in cargo's release profile. The programs are built together, \
        so a dependency that several of them use has the features that any of them enables.",
        COLD_START_INBOUND,
        &services.collect::<Vec<_>>(),
    )
}

fn outbound_section(world: &World) -> Section {
    let endpoint = world.background.block_on(TokenEndpoint::start(Duration::from_secs(3600)));
    let clients = outbound::all().into_iter().filter(|entry| !FETCH_NO_TOKEN.contains(&entry.name));
    let services =
        clients.map(|entry| Service::new("outbound", entry.name, vec![endpoint.address().to_string()]));
    section(
        world,
        "Cold start: outbound",
        "The same for a client, from the start of its process to the response to its first request, \
        with a token that it fetches over loopback HTTP. The receiver of the request is in the same \
        process.",
        COLD_START_OUTBOUND,
        &services.collect::<Vec<_>>(),
    )
}

/// The program of a contender.
struct Service {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Service {
    /// Finds the program, which is in the same folder as this one.
    fn new(side: &str, name: &'static str, arguments: Vec<String>) -> Self {
        let own = std::env::current_exe().expect("the path of this program is known");
        let short = name.split(" (").next().unwrap_or(name).replace(' ', "-");
        Self { name, program: own.with_file_name(format!("cold-{side}-{short}")), arguments }
    }

    fn start(&self) -> Start {
        Start::measured(&self.program, &self.arguments)
    }
}

fn section(
    world: &World,
    title: &'static str,
    words: &str,
    area: &'static str,
    services: &[Service],
) -> Section {
    // The first start reads the program from the disk.
    for service in services {
        service.start();
    }
    let mut starts = vec![Vec::new(); services.len()];
    for _ in 0..world.effort.rounds {
        for (service, starts) in services.iter().zip(&mut starts) {
            starts.push(service.start());
        }
    }
    let mut table = Table::new([
        "",
        "median, ms",
        "fastest tenth",
        "slowest tenth",
        "to the first row",
        "processor, ms",
        "size, MB",
    ]);
    let mut figures = Vec::new();
    let values = |starts: &[Start], of: fn(&Start) -> f64| starts.iter().map(of).collect::<Vec<_>>();
    let base = median(values(&starts[0], |start| start.wall));
    for (Service { name, program, .. }, starts) in services.iter().zip(&starts) {
        let mut wall = values(starts, |start| start.wall);
        wall.sort_by(f64::total_cmp);
        let (middle, tenth) = (median(wall.clone()), wall.len() / 10);
        let processor = median(values(starts, |start| start.processor));
        let size = fs::metadata(program).expect("the program exists").len() as f64 / 1e6;
        let (fast, slow) = (wall[tenth], wall[wall.len() - 1 - tenth]);
        let cells =
            [shown(middle), shown(fast), shown(slow), times(middle / base), shown(processor), shown(size)];
        table.row([(*name).to_owned()].into_iter().chain(cells));
        figures.push(Figure::new(area, *name, middle, "ms").against(services[0].name, base));
        figures.push(Figure::new(area, format!("{name}, processor time"), processor, "processor ms"));
        figures.push(Figure::new(area, format!("{name}, size"), size, "MB"));
    }
    Section { title, words: words.to_owned(), table, charts: Vec::new(), figures }
}
