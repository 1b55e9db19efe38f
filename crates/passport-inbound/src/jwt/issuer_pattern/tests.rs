use super::*;

const GUID: &str = "72f988bf-0000-41af-91ab-2d7cd011db47";

#[test]
fn exact_issuer_is_compared_byte_for_byte() {
    let pattern = IssuerPattern::new("https://login.example/a");
    assert!(pattern.matches("https://login.example/a"));
    for other in [
        "",
        "https://login.example/a/",
        "https://login.example/A",
        "HTTPS://login.example/a",
        " https://login.example/a",
        "https://login.example/a\0",
        "https://login.example/%61",
        "https://login.example:443/a",
    ] {
        assert!(!pattern.matches(other), "{other}");
    }
    assert_eq!(pattern.directory("https://login.example/a"), None);
}

#[test]
fn placeholder_matches_one_guid_in_lower_case() {
    let pattern = IssuerPattern::new("https://login.example/{tenantid}/v2.0");
    let iss = format!("https://login.example/{GUID}/v2.0");
    assert_eq!(pattern.directory(&iss), Some(GUID));
    for directory in [
        "",
        "common",
        "{tenantid}",
        "72F988BF-0000-41AF-91AB-2D7CD011DB47",
        "72f988bf000041af91ab2d7cd011db47",
        "{72f988bf-0000-41af-91ab-2d7cd011db47}",
        "72f988bf-0000-41af-91ab-2d7cd011db4",
        "72f988bf-0000-41af-91ab-2d7cd011db470",
        "72f988bf-0000-41af-91ab-2d7cd011db4g",
        "72f988bf-0000-41af-91ab-2d7cd011db47/x",
        "x/72f988bf-0000-41af-91ab-2d7cd011db47",
    ] {
        assert!(!pattern.matches(&format!("https://login.example/{directory}/v2.0")), "{directory}");
    }
    for other in ["", "/", &iss[1..], &iss[..iss.len() - 1], &format!("{iss}/")] {
        assert!(!pattern.matches(other), "{other}");
    }
}

#[test]
fn overlapping_start_and_end_do_not_match() {
    let pattern = IssuerPattern::new("https://a/{tenantid}/a/");
    assert!(!pattern.matches("https://a/"));
    assert!(!IssuerPattern::new("{tenantid}").matches(""));
    assert!(IssuerPattern::new("{tenantid}").matches(GUID));
}

#[test]
fn guid_has_dashes_in_fixed_places() {
    assert!(is_guid(GUID));
    assert!(!is_guid("72f988bf-00004-1af-91ab-2d7cd011db47"));
    assert!(!is_guid("------------------------------------"));
    assert!(!is_guid("72f988bf-0000-41af-91ab-2d7cd011dbé"));
}
