use super::*;

fn mistakes(text: &str) -> Vec<String> {
    let Err(error) = build(&SidecarConfig::from_toml(text).unwrap(), &ConfigRegistry::default()) else {
        return Vec::new();
    };
    error.problems().iter().map(|problem| format!("{}: {}", problem.option, problem.problem)).collect()
}

const ERP: &str = "[identities.erp]\nclient_id = \"mi-1\"\nclient_secret_ref = \"env:SECRET\"\n";

#[test]
fn identity_alone_is_a_valid_configuration() {
    assert_eq!(mistakes(ERP), [""; 0]);
}

#[test]
fn configuration_of_the_docs_is_valid() {
    let page = include_str!("../../../../docs/sidecar.md");
    let file = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let problems = mistakes(file);
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems.iter().all(|problem| problem.contains("/etc/ssl/corp-ca.pem")), "{problems:#?}");
}

#[test]
fn every_mistake_is_reported_at_once() {
    let text = r#"
        [listen]
        unix_mode = "rw"
        tcp = "0.0.0.0:7070"
        admin = "10.0.0.1:7071"

        [identities.erp]
        client_id = "mi-1"

        [callers.nobody]
        identities = ["payroll"]

        [upstreams.erp]
        url = "http://erp.bizfirst.ai"
        identity = "erp"

        [upstreams.other]
        url = "https://erp.bizfirst.ai"

        [validate]
        audience = ""
    "#;
    let problems = mistakes(text).join("\n");
    for part in [
        "identities.erp.client_secret_ref: missing",
        "listen.tcp: it is not a loopback address",
        "listen.admin: it is not a loopback address",
        "listen.unix_mode: ",
        "listen.tcp: nobody has a token",
        "callers.nobody.uids: nobody is it",
        "callers.nobody.identities: there is no identity `payroll`",
        "upstreams.erp.url: tokens go over https",
        "upstreams.other.identity: in whose name?",
        "validate.audience: ",
    ] {
        assert!(problems.contains(part), "{part} in\n{problems}");
    }
}

#[test]
fn plain_http_needs_its_opt_in_everywhere() {
    let text = |plain_http: bool| {
        format!(
            r#"
            [identities.erp]
            client_id = "mi-1"
            client_secret_ref = "env:SECRET"
            passport_base_url = "https://passport.bizfirst.ai"
            token_url = "http://passport:8090/passport/token"
            danger_plain_http = {plain_http}

            [upstreams.erp]
            url = "http://erp:8080"
            identity = "erp"
            danger_plain_http = {plain_http}

            [validate]
            audience = "bizfirstgo-api"
            issuer = "https://passport.bizfirst.ai"
            jwks_url = "http://passport:8090/keys"
            danger_plain_http = {plain_http}
            "#
        )
    };
    assert_eq!(mistakes(&text(true)), [""; 0]);
    let problems = mistakes(&text(false));
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems.iter().all(|problem| problem.contains("danger_plain_http")), "{problems:#?}");
}

#[test]
fn ca_file_that_cannot_be_read_is_named() {
    let ca_file = "ca_file = \"/no/such/ca.pem\"\n";
    let problems = mistakes(&format!(
        "{ERP}{ca_file}[upstreams.erp]\nurl = \"https://erp\"\nidentity = \"erp\"\n{ca_file}\
         [validate]\naudience = \"api\"\nuser_agent = \"a\\nb\"\n{ca_file}"
    ));
    let keys: Vec<_> = problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
    let ca_files = ["identities.erp.ca_file", "upstreams.erp.ca_file", "validate.ca_file"];
    assert!(ca_files.iter().all(|key| keys.contains(key)), "{problems:#?}");
    assert!(keys.contains(&"validate.user_agent") && keys.len() == 4, "{problems:#?}");
}

#[test]
fn unknown_identity_hides_no_other_mistake_of_an_upstream() {
    let problems = mistakes("[upstreams.erp]\nurl = \"erp\"\nidentity = \"payroll\"\n");
    let keys = ["upstreams.erp.identity", "upstreams.erp.url"];
    for key in keys {
        assert!(problems.iter().any(|problem| problem.starts_with(key)), "{key} {problems:#?}");
    }
}

#[test]
fn number_of_validate_out_of_bounds_is_named() {
    for (key, bounds, good, wrong) in [
        ("max_token_size", "1 KiB and 64 KiB", [1024, 65_536], [1023, 65_537]),
        ("jwks_fetch_timeout_seconds", "1 s and 60 s", [1, 60], [0, 61]),
        ("jwks_cooldown_seconds", "1 s and 10 min", [1, 600], [0, 601]),
    ] {
        let with = |number: u64| {
            let validate = format!("[validate]\naudience = \"api\"\n{key} = {number}\n");
            mistakes(&format!("{ERP}{validate}[limits]\nmax_buffered_mib = 2048\n"))
        };
        for number in good {
            assert_eq!(with(number), [""; 0], "{key} {number}");
        }
        for number in wrong.into_iter().chain([i64::MAX.unsigned_abs()]) {
            assert_eq!(with(number), [format!("validate.{key}: it must be between {bounds}")]);
        }
    }
}

#[test]
fn larger_tokens_need_more_memory() {
    let problems = |token: usize| {
        let validate = format!("[validate]\naudience = \"api\"\nmax_token_size = {token}\n");
        mistakes(&format!("{ERP}{validate}[limits]\nmax_buffered_mib = 930\n"))
    };
    assert_eq!(problems(15 * 1024), [""; 0]);
    let problems = problems(64 * 1024);
    assert!(problems.len() == 1 && problems[0].starts_with("limits.max_buffered_mib: "), "{problems:?}");
}

#[test]
fn credentials_in_an_upstreams_url_are_rejected() {
    for url in ["http://user:hidden@127.0.0.1", "http://:hidden@127.0.0.1", "https://hidden@erp"] {
        let problems = mistakes(&format!("{ERP}[upstreams.erp]\nurl = \"{url}\"\nidentity = \"erp\"\n"));
        assert!(problems.len() == 1 && !problems[0].contains("hidden"), "{problems:?}");
    }
}

#[test]
fn upstream_name_is_valid_in_a_path() {
    let named = |name: &str| {
        mistakes(&format!("{ERP}[upstreams.\"{name}\"]\nurl = \"https://erp\"\nidentity = \"erp\"\n"))
    };
    assert!(named("erp-1.of_us").is_empty());
    for odd in ["a/b", "a b", "", &"a".repeat(61)] {
        assert!(named(odd)[0].contains("an upstream is called by letters"), "{odd}");
    }
}

#[test]
fn callers_share_no_user_group_or_token() {
    for (key, who) in [
        ("uids = [7]", "uids: user 7"),
        ("gids = [7]", "gids: group 7"),
        ("token_ref = \"env:TOKEN\"", "token_ref: whoever has `env:TOKEN`"),
    ] {
        let callers = format!("{ERP}[callers.a]\n{key}\n[callers.b]\n{key}\n");
        let problems = format!("callers.b.{who} is `a` already; which of the two would it be?");
        assert_eq!(mistakes(&callers), [problems]);
    }
    let twice = format!("{ERP}[callers.a]\nuids = [7, 7]\ngids = [7]\n");
    assert!(mistakes(&twice).is_empty(), "it is one all the same");
}

#[test]
fn identity_named_like_anothers_client_id_is_rejected() {
    let other = "[identities.mi-1]\nclient_id = \"mi-2\"\nclient_secret_ref = \"env:SECRET\"\n";
    let problems = "identities.mi-1: it has the name that is the client id of `erp`; give it another name";
    assert_eq!(mistakes(&format!("{ERP}{other}")), [problems]);
    let own = ERP.replace("identities.erp", "identities.mi-1");
    assert_eq!(mistakes(&own), [""; 0], "its own client id may be its name");
}

#[test]
fn credentials_in_any_url_are_rejected_and_not_shown() {
    for text in [
        format!("{ERP}token_url = \"https://:hidden@passport\"\n"),
        format!("{ERP}passport_base_url = \"https://:hidden@passport\"\n"),
        format!("{ERP}[validate]\naudience = \"api\"\nissuer = \"https://:hidden@passport\"\n"),
        format!("{ERP}[validate]\naudience = \"api\"\njwks_url = \"https://:hidden@passport\"\n"),
        format!("{ERP}[upstreams.erp]\nurl = \"https://:hidden@erp\"\nidentity = \"erp\"\n"),
    ] {
        let problems = mistakes(&text);
        assert!(!problems.is_empty() && !problems.join("").contains("hidden"), "{text}: {problems:?}");
    }
}
