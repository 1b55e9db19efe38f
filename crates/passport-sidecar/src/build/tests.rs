use super::*;

fn problems_of(text: &str) -> Vec<String> {
    let Err(error) = build(&SidecarConfig::from_toml(text).unwrap(), &ConfigRegistry::default()) else {
        return Vec::new();
    };
    error.problems().iter().map(|problem| format!("{}: {}", problem.option, problem.problem)).collect()
}

const ERP: &str = "[identities.erp]\nclient_id = \"mi-1\"\nclient_secret_ref = \"env:SECRET\"\n";

#[test]
fn identity_alone_is_a_valid_configuration() {
    assert_eq!(problems_of(ERP), [""; 0]);
}

#[test]
fn configuration_of_the_docs_is_valid() {
    let page = include_str!("../../../../docs/sidecar.md");
    let file = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let problems = problems_of(file);
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

        [callers.empty]
        identities = ["payroll"]

        [upstreams.erp]
        url = "http://erp.bizfirst.ai"
        identity = "erp"

        [upstreams.other]
        url = "https://erp.bizfirst.ai"

        [validate]
        audience = ""
    "#;
    let problems = problems_of(text).join("\n");
    for part in [
        "identities.erp.client_secret_ref: missing",
        "listen.tcp: not a loopback address",
        "listen.admin: not a loopback address",
        "listen.unix_mode: ",
        "listen.tcp: no caller has a token",
        "callers.empty.uids: caller `empty` matches nothing: set uids, gids or token_ref",
        "callers.empty.identities: unknown identity `payroll`",
        "upstreams.erp.url: plain http to another machine: use https",
        "upstreams.other.identity: requests would have no token",
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
    assert_eq!(problems_of(&text(true)), [""; 0]);
    let problems = problems_of(&text(false));
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems.iter().all(|problem| problem.contains("danger_plain_http")), "{problems:#?}");
}

#[test]
fn ca_file_that_cannot_be_read_is_named() {
    let ca_file = "ca_file = \"/no/such/ca.pem\"\n";
    let problems = problems_of(&format!(
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
    let problems = problems_of("[upstreams.erp]\nurl = \"erp\"\nidentity = \"payroll\"\n");
    let keys = ["upstreams.erp.identity", "upstreams.erp.url"];
    for key in keys {
        assert!(problems.iter().any(|problem| problem.starts_with(key)), "{key} {problems:#?}");
    }
}

#[test]
fn validate_limit_out_of_bounds_is_named() {
    for (key, bounds, valid, invalid) in [
        ("max_token_size", "1 KiB and 64 KiB", [1024, 65_536], [1023, 65_537]),
        ("jwks_request_timeout", "1 s and 60 s", [1, 60], [0, 61]),
        ("jwks_cooldown", "1 s and 10 min", [1, 600], [0, 601]),
    ] {
        let with = |number: u64| {
            let validate = format!("[validate]\naudience = \"api\"\n{key} = {number}\n");
            problems_of(&format!("{ERP}{validate}[limits]\nmax_buffered_mib = 2048\n"))
        };
        for number in valid {
            assert_eq!(with(number), [""; 0], "{key} {number}");
        }
        for number in invalid.into_iter().chain([1 << 40]) {
            let seconds = std::time::Duration::from_secs(number);
            let value =
                if key.starts_with("jwks") { format!("{seconds:?}") } else { format!("{number} bytes") };
            let problem = format!("validate.{key}: {number}: must be between {bounds}, is {value}");
            assert_eq!(with(number), [problem]);
        }
    }
}

#[test]
fn validate_tables_without_effect_are_rejected() {
    for (table, problem) in [
        ("protected_resource]\nresource = \"https://api.example\"", "has no effect in a sidecar; remove it"),
        ("deny_list]\ncapacity = 500", "this program opens no deny list"),
        ("policies.clerks]\nany_role = \"clerk\"", "has no effect in a sidecar; remove it"),
    ] {
        let problems = problems_of(&format!("{ERP}[validate]\naudience = \"api\"\n[validate.{table}\n"));
        assert!(problems.len() == 1 && problems[0].contains(problem), "{table}: {problems:?}");
    }
}

#[test]
fn larger_tokens_need_more_memory() {
    let problems = |token: usize| {
        let validate = format!("[validate]\naudience = \"api\"\nmax_token_size = {token}\n");
        problems_of(&format!("{ERP}{validate}[limits]\nmax_buffered_mib = 930\n"))
    };
    assert_eq!(problems(15 * 1024), [""; 0]);
    let problems = problems(64 * 1024);
    assert!(problems.len() == 1 && problems[0].starts_with("limits.max_buffered_mib: "), "{problems:?}");
}

#[test]
fn credentials_in_an_upstreams_url_are_rejected() {
    for url in ["http://user:hidden@127.0.0.1", "http://:hidden@127.0.0.1", "https://hidden@erp"] {
        let problems = problems_of(&format!("{ERP}[upstreams.erp]\nurl = \"{url}\"\nidentity = \"erp\"\n"));
        assert!(problems.len() == 1 && !problems[0].contains("hidden"), "{problems:?}");
    }
}

#[test]
fn upstream_name_is_valid_in_a_path() {
    let named = |name: &str| {
        problems_of(&format!("{ERP}[upstreams.\"{name}\"]\nurl = \"https://erp\"\nidentity = \"erp\"\n"))
    };
    assert!(named("erp-1.of_us").is_empty());
    for invalid in ["a/b", "a b", "", &"a".repeat(61)] {
        assert!(named(invalid)[0].contains("invalid upstream name: use at most 60 letters"), "{invalid}");
    }
}

#[test]
fn callers_share_no_user_group_or_token() {
    for (key, credential) in [
        ("uids = [7]", "uids: uid 7"),
        ("gids = [7]", "gids: gid 7"),
        ("token_ref = \"env:TOKEN\"", "token_ref: token `env:TOKEN`"),
    ] {
        let callers = format!("{ERP}[callers.a]\n{key}\n[callers.b]\n{key}\n");
        let problem = format!("callers.b.{credential} is already assigned to caller `a`");
        assert_eq!(problems_of(&callers), [problem]);
    }
    let twice = format!("{ERP}[callers.a]\nuids = [7, 7]\ngids = [7]\n");
    assert!(problems_of(&twice).is_empty(), "a repeated uid of one caller is no conflict");
}

#[test]
fn identity_named_like_anothers_client_id_is_rejected() {
    let other = "[identities.mi-1]\nclient_id = \"mi-2\"\nclient_secret_ref = \"env:SECRET\"\n";
    let problem = "identities.mi-1: the name is also the client id of identity `erp`: choose another name";
    assert_eq!(problems_of(&format!("{ERP}{other}")), [problem]);
    let own = ERP.replace("identities.erp", "identities.mi-1");
    assert_eq!(problems_of(&own), [""; 0], "the client id of the identity itself may be its name");
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
        let problems = problems_of(&text);
        assert!(!problems.is_empty() && !problems.join("").contains("hidden"), "{text}: {problems:?}");
    }
}
