//! The columns in which a peer is ahead of this project, and the duty that explains it, if any.

use super::{
    Figure, Table, shown,
    targets::{COLD_START_INBOUND, COLD_START_OUTBOUND},
    times,
};

/// A column in which contenders are compared. Their figures are named `<contender><what>`.
struct Column {
    area: &'static str,
    what: &'static str,
    /// The contender of this project.
    ours: &'static str,
    better: Better,
    /// Differences up to this part of our value, or up to this absolute size, are no lead: runs
    /// differ by as much.
    noise: (f64, f64),
    /// Returns the duty that a peer lacks in this column.
    missing: fn(&[Figure], peer: &str) -> Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Better {
    Lower,
    Higher,
}

/// A peer that is ahead in a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Lead {
    column: String,
    peer: String,
    value: f64,
    ours: f64,
    missing: Option<&'static str>,
}

impl Column {
    const fn new(area: &'static str, what: &'static str, ours: &'static str) -> Self {
        Self { area, what, ours, better: Better::Lower, noise: (0.05, 0.0), missing: |_, _| None }
    }

    const fn higher(self) -> Self {
        Self { better: Better::Higher, ..self }
    }

    /// Counts are exact.
    const fn exact(self) -> Self {
        Self { noise: (0.0, 0.0), ..self }
    }

    const fn within(self, absolute: f64) -> Self {
        Self { noise: (0.05, absolute), ..self }
    }

    const fn missing(self, missing: fn(&[Figure], &str) -> Option<&'static str>) -> Self {
        Self { missing, ..self }
    }
}

/// The peers that fetch a token before they are called.
pub const FETCH_AT_CONSTRUCTION: [&str; 2] = ["aliri_reqwest", "middle"];

const INBOUND: &str = "passport-inbound";
const OUTBOUND: &str = "passport-outbound";
const ON_REDIS: &str = "passport-outbound, with Redis";
const WARM: &str = "inbound warm, on axum";
const AROUND: &str = "inbound warm, around a router";
const REJECTION: &str = "inbound rejection";
const STRESS: &str = "inbound stress";
const BEHAVIOUR: &str = "outbound behaviour";
const AXUM: &str = "end to end, axum";

/// The compared columns. Waits below a millisecond, and peaks of memory within a mebibyte, are
/// equal.
const COLUMNS: &[Column] = &[
    Column::new(WARM, "", INBOUND),
    Column::new(WARM, ", allocations", INBOUND).exact(),
    Column::new(AROUND, "", INBOUND),
    Column::new(AROUND, ", allocations", INBOUND).exact(),
    Column::new(COLD_START_INBOUND, "", "passport-inbound with jwks_url"),
    Column::new(COLD_START_INBOUND, ", processor time", "passport-inbound with jwks_url"),
    Column::new(COLD_START_INBOUND, ", size", INBOUND),
    Column::new(COLD_START_OUTBOUND, "", OUTBOUND),
    Column::new(COLD_START_OUTBOUND, ", processor time", OUTBOUND),
    Column::new(COLD_START_OUTBOUND, ", size", OUTBOUND),
    Column::new("inbound cold", "", "passport-inbound on axum, each token new"),
    Column::new(REJECTION, ", malformed", INBOUND).missing(challenge),
    Column::new(REJECTION, ", invalid signature", INBOUND),
    Column::new("inbound, two threads", "", INBOUND).higher().missing(fewer_inbound_calls),
    Column::new(STRESS, ", JWKS fetches for 1,000 cold callers", INBOUND).exact(),
    Column::new(STRESS, ", JWKS fetches for 10,000 random kids", INBOUND).exact().missing(key_rotation),
    Column::new(STRESS, ", p99 in a flood", INBOUND).within(10.0),
    Column::new(STRESS, ", p99 in a rotation", INBOUND).within(10.0).missing(key_rotation),
    Column::new(STRESS, ", p99 in a hang", INBOUND).within(10.0),
    Column::new(STRESS, ", rejected in a flood", INBOUND).exact(),
    Column::new(STRESS, ", rejected in a rotation", INBOUND).exact(),
    Column::new(STRESS, ", rejected in a hang", INBOUND).exact(),
    Column::new("outbound warm", "", OUTBOUND).missing(checks_of_a_request),
    Column::new("outbound warm", ", allocations", OUTBOUND).exact(),
    Column::new("outbound warm", ", instructions", OUTBOUND).exact().missing(checks_of_a_request),
    Column::new("outbound, two threads", "", OUTBOUND).higher().missing(fewer_outbound_calls),
    Column::new(BEHAVIOUR, ", token requests for 1,000 cold callers", OUTBOUND).exact(),
    Column::new(BEHAVIOUR, ", token requests for 1,000 callers when due", OUTBOUND).exact(),
    Column::new(BEHAVIOUR, ", longest wait of 1,000 callers when due", OUTBOUND).within(1.0),
    Column::new(BEHAVIOUR, ", longest wait across a refresh", OUTBOUND).within(1.0),
    Column::new(BEHAVIOUR, ", failed across a refresh", OUTBOUND).exact(),
    Column::new(BEHAVIOUR, ", failed in an outage", OUTBOUND).exact(),
    Column::new("fleet", ", token requests, 64 processes", ON_REDIS).exact(),
    Column::new("fleet", ", longest wait, 1 processes", OUTBOUND).within(10.0).missing(start_without_token),
    Column::new("fleet", ", longest wait, 64 processes", OUTBOUND).within(10.0).missing(start_without_token),
    Column::new(AXUM, ", rate", INBOUND).higher(),
    Column::new(AXUM, ", p50", INBOUND),
    Column::new(AXUM, ", p99", INBOUND),
    Column::new(AXUM, ", p99.9", INBOUND).missing(load),
    Column::new(AXUM, ", processor time", INBOUND),
    Column::new(AXUM, ", peak memory", INBOUND).within(1.0),
];

fn challenge(all: &[Figure], peer: &str) -> Option<&'static str> {
    let challenges = value(all, REJECTION, &format!("{peer}, challenge"));
    (challenges == Some(0.0)).then_some("responds without a challenge (RFC 6750)")
}

fn fewer_inbound_calls(all: &[Figure], peer: &str) -> Option<&'static str> {
    fewer_calls(all, ["inbound, two threads", WARM], [peer, INBOUND])
}

fn fewer_outbound_calls(all: &[Figure], peer: &str) -> Option<&'static str> {
    fewer_calls(all, ["outbound, two threads", "outbound warm"], [peer, OUTBOUND])
        .or_else(|| checks_of_a_request(all, peer))
}

/// A call that does more work of its own shares less of it, so its speedup is better. But two
/// threads may still make fewer calls.
fn fewer_calls(all: &[Figure], [speedups, times]: [&str; 2], contenders: [&str; 2]) -> Option<&'static str> {
    let rate = |name| Some(value(all, speedups, name)? / value(all, times, name)?);
    let [peer, ours] = contenders.map(rate);
    (peer? < ours?).then_some("makes fewer calls on two threads, because each takes longer")
}

fn key_rotation(all: &[Figure], peer: &str) -> Option<&'static str> {
    let rejected = value(all, STRESS, &format!("{peer}, rejected in a rotation"))?;
    (rejected > 0.0).then_some("rejects the tokens of a new key")
}

fn checks_of_a_request(_: &[Figure], peer: &str) -> Option<&'static str> {
    (peer == "middle").then_some("checks neither the destination nor the response")
}

fn start_without_token(_: &[Figure], peer: &str) -> Option<&'static str> {
    FETCH_AT_CONSTRUCTION
        .contains(&peer)
        .then_some("fetches a token at construction, before there are callers")
}

fn load(all: &[Figure], peer: &str) -> Option<&'static str> {
    let rate = |name: &str| value(all, AXUM, &format!("{name}, rate"));
    (rate(peer)? < rate(INBOUND)?).then_some("gets a lower load: wrk sends a request only after a response")
}

/// Returns the peers that are ahead, in the order of the columns.
pub fn of(all: &[Figure]) -> Vec<Lead> {
    COLUMNS.iter().flat_map(|column| in_column(all, column)).collect()
}

/// # Panics
///
/// If a peer has a figure in the column, and this project has none.
fn in_column<'a>(all: &'a [Figure], column: &'a Column) -> impl Iterator<Item = Lead> + 'a {
    let name = format!("{}{}", column.ours, column.what);
    let figures = all.iter().filter(|figure| figure.area == column.area);
    figures.filter_map(move |figure| {
        let peer = peer(figure, column)?;
        let ours = value(all, column.area, &name);
        let ours = ours.unwrap_or_else(|| panic!("no figure {}, {name}", column.area));
        let ahead = match column.better {
            Better::Lower => ours - figure.value,
            Better::Higher => figure.value - ours,
        };
        let (part, absolute) = column.noise;
        (ahead > absolute.max(part * ours)).then(|| Lead {
            column: format!("{}{}", column.area, column.what),
            peer: peer.to_owned(),
            value: figure.value,
            ours,
            missing: (column.missing)(all, peer),
        })
    })
}

/// Returns the name of the peer whose figure belongs to `column`.
fn peer<'a>(figure: &'a Figure, column: &Column) -> Option<&'a str> {
    let name = figure.name.strip_suffix(column.what)?;
    let is_whole = !name.contains(", ") && !name.ends_with("(bare service)");
    (is_whole && super::is_peer(name)).then_some(name)
}

fn value(all: &[Figure], area: &str, name: &str) -> Option<f64> {
    all.iter().find(|figure| figure.area == area && figure.name == name).map(|figure| figure.value)
}

/// Returns the number of leads of peers with the same duties.
pub fn unexplained(leads: &[Lead]) -> usize {
    leads.iter().filter(|lead| lead.missing.is_none()).count()
}

/// Returns a table with a row for each lead.
pub fn table(leads: &[Lead]) -> Table {
    let mut table = Table::new(["column", "peer", "its value", "ours", "relative", "what it does less"]);
    for Lead { column, peer, value, ours, missing } in leads {
        let missing = missing.unwrap_or("**nothing**");
        let cells = [column.as_str(), peer, &shown(*value), &shown(*ours), &times(value / ours), missing];
        table.row(cells.map(str::to_owned));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(area: &'static str, values: &[(&str, f64)]) -> Vec<Figure> {
        values.iter().map(|(name, value)| Figure::new(area, *name, *value, "ns")).collect()
    }

    fn peers(all: &[Figure]) -> Vec<(String, Option<&'static str>)> {
        of(all).into_iter().map(|lead| (lead.peer, lead.missing)).collect()
    }

    #[test]
    fn a_faster_peer_with_the_same_duties_is_unexplained() {
        let all = figures(WARM, &[(INBOUND, 100.0), ("fast", 90.0), ("slow", 200.0), ("no-op layer", 1.0)]);
        assert_eq!(peers(&all), [("fast".to_owned(), None)]);
        assert_eq!(unexplained(&of(&all)), 1);
        assert_eq!(table(&of(&all)).rows[0][5], "**nothing**");
    }

    #[test]
    fn a_lead_within_the_noise_is_no_lead() {
        assert!(of(&figures(WARM, &[(INBOUND, 100.0), ("equal", 96.0)])).is_empty());
    }

    #[test]
    fn a_single_allocation_less_is_a_lead() {
        let all = figures(
            WARM,
            &[("passport-inbound, allocations", 100.0), ("fast, allocations", 99.0), ("fast, other", 1.0)],
        );
        assert_eq!(peers(&all), [("fast".to_owned(), None)]);
    }

    #[test]
    fn a_rejection_without_a_challenge_explains_a_lead() {
        let with = |challenges| {
            let malformed = [("passport-inbound, malformed", 900.0), ("fast, malformed", 700.0)];
            figures(REJECTION, &[&malformed[..], &[("fast, challenge", challenges)]].concat())
        };
        assert_eq!(unexplained(&of(&with(0.0))), 0);
        assert_eq!(unexplained(&of(&with(1.0))), 1);
    }

    #[test]
    #[should_panic(expected = "no figure inbound warm, on axum, passport-inbound")]
    fn a_column_without_our_figure_is_a_mistake() {
        of(&figures(WARM, &[("fast", 90.0)]));
    }

    #[test]
    fn slower_calls_explain_a_better_speedup() {
        let times = |peer| figures("outbound warm", &[(OUTBOUND, 100.0), ("peer", peer)]);
        let with = |peer| {
            [times(peer), figures("outbound, two threads", &[(OUTBOUND, 1.5), ("peer", 1.9)])].concat()
        };
        assert_eq!(unexplained(&of(&with(150.0))), 0);
        assert_eq!(unexplained(&of(&with(101.0))), 1);
    }

    #[test]
    fn more_is_better_for_the_speedup_of_two_threads() {
        let all = figures("outbound, two threads", &[(OUTBOUND, 1.5), ("more", 1.9), ("less", 1.0)]);
        assert_eq!(peers(&all), [("more".to_owned(), None)]);
    }
}
