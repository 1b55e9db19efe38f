//! Payloads that try to confuse the choice of the issuer. A cached token, a remembered header and a
//! verification from the start have the same result.

use super::*;

/// Payloads with tricks, all signed with the key of alpha, of the pattern and of beta.
fn tricks() -> Vec<String> {
    let rest = format!(r#""sub":"u","aud":"api","tenant_id":"contoso","iat":{START},"exp":{}"#, START + 3600);
    let pad = format!(r#""pad":"{}","#, "p".repeat(300));
    let long = format!(r#""pad":"{}","#, "p".repeat(4000));
    let deep = format!(r#""deep":{}{},"#, "[".repeat(126), "]".repeat(126));
    let deeper = format!(r#""deep":{}{},"#, "[".repeat(127), "]".repeat(127));
    let mut all = Vec::new();
    let isses = [
        ALPHA,
        BETA,
        MAIN,
        OTHER,
        PASSPORT,
        "https://alpha.example/",
        "https://alpha.example//",
        "HTTPS://alpha.example",
        "https://ALPHA.example",
        "https://alpha.example%2F",
        "https://alpha.example ",
        "https://alpha.example\\u0000",
        "https:\\/\\/alpha.example",
        "\\u0068ttps://alpha.example",
        "https://login.example/72F988BF-0000-41AF-91AB-2D7CD011DB47/v2.0",
        "https://login.example/{tenantid}/v2.0",
        "https://login.example//v2.0",
        "https://login.example/72f988bf-0000-41af-91ab-2d7cd011db47/v2.0/",
        "https://login.example/72f988bf-0000-41af-91ab-2d7cd011db47/x/v2.0",
        "",
        " ",
    ];
    for iss in isses {
        for before in ["", &pad, &long, &deep, &deeper] {
            all.push(format!(r#"{{{before}"iss":"{iss}","tid":"{MAIN_ID}",{rest}}}"#));
            all.push(format!(r#"{{{before}"iss":"{iss}","tid":"{OTHER_ID}",{rest}}}"#));
            all.push(format!(r#"{{{before}"\u0069ss":"{iss}",{rest}}}"#));
            for second in [ALPHA, BETA, MAIN, "https://unknown.example"] {
                all.push(format!(r#"{{{before}"iss":"{iss}",{rest},"iss":"{second}"}}"#));
                all.push(format!(r#"{{{before}"\u0069ss":"{iss}",{rest},"is\u0073":"{second}"}}"#));
                all.push(format!(r#"{{{before}"iss":"{iss}",{pad}{rest},"\u0069ss":"{second}"}}"#));
                all.push(format!(r#"{{{before}"iss":5,{rest},"iss":"{second}"}}"#));
                all.push(format!(r#"{{{before}"iss":null,{rest},"iss":"{second}"}}"#));
                all.push(format!(r#"{{{before}"iss":["{iss}"],{rest},"iss":"{second}"}}"#));
                all.push(format!(r#"{{{before}"x":{{"iss":"{iss}"}},{rest},"iss":"{second}"}}"#));
                all.push(format!(r#"{{{before}"x":"\"iss\":\"{iss}\"",{rest},"iss":"{second}"}}"#));
            }
        }
    }
    let alpha = format!(r#""iss":"{ALPHA}",{rest}"#);
    for claims in [
        r#""org":{"t":"fabrikam"}"#,
        r#""org":{"t":"fabrikam","t":"contoso"}"#,
        r#""org":{"t":"fabrikam","\u0074":"contoso"}"#,
        r#""org":{"t":null,"t":"contoso"}"#,
        r#""org.t":"contoso""#,
        r#""org":{"t":["contoso"]}"#,
        r#""org":[{"t":"contoso"}]"#,
        r#""org":{"t":"contoso"}"#,
        r#""org":{"t":" contoso"}"#,
        r#""org":{"t":"\u00a0"}"#,
        r#""org":{"t":"\u2003"}"#,
        r#""org":{"t":"Contoso"}"#,
        r#""org":{"t":""}"#,
        r#""org":{"t":true}"#,
        r#""org":{"t":"contoso"},"org":{"t":"fabrikam"}"#,
        r#""\u006frg":{"t":"contoso"},"org":null"#,
        r#""org":{"t":"contoso"},"is_service_account":true"#,
        r#""org":{"t":"contoso"},"roles":["admin"],"permissions":["*"]"#,
        r#""org":{"t":"contoso"},"managed_identity_id":"m"}"#,
        r#""org":{"t":"contoso"},"groups":["clerks","clerks","admin"]"#,
        r#""org":{"t":"contoso"},"groups":["clerks",1]"#,
        r#""org":{"t":"contoso"},"groups":{"clerks":true}"#,
        r#""org":{"t":"contoso"},"_claim_names":{"groups":"src1"}"#,
        r#""org":{"t":"contoso"},"_claim_names":{"groups":null}"#,
        r#""org":{"t":"contoso"},"_claim_names":{"\u0067roups":"src1"}"#,
        r#""org":{"t":"contoso"},"idtyp":"app""#,
        r#""org":{"t":"contoso"},"idtyp":["app"]"#,
        r#""org":{"t":"contoso"},"idtyp":"App""#,
        r#""org":{"t":"contoso"},"idtyp":"user","idty\u0070":"app""#,
        "\"org\":{\"t\":\"contoso\"},\"x\":\"\u{0}\"",
        r#""org":{"t":"contoso"},"x":"\ud800""#,
        r#""org":{"t":"contoso"},"x":1e999"#,
        r#""org":{"t":"contoso"},"x":{"\ud800":1}"#,
    ] {
        all.push(format!("{{{alpha},{claims}}}"));
        all.push(format!("{{{claims},{alpha}}}"));
        all.push(format!("\u{feff}{{{alpha},{claims}}}"));
        all.push(format!(" {{{alpha},{claims}}} "));
        all.push(format!("{{{alpha},{claims}}}{{}}"));
        all.push(format!("[{{{alpha},{claims}}}]"));
    }
    all
}

#[test]
fn hit_miss_memo_and_no_memo_agree_about_tricks() {
    let map = || {
        ClaimMap::new()
            .roles_from(["groups"])
            .role("clerks", "clerk")
            .service_account(ClaimCondition::equals("idtyp", "app"))
    };
    let config = || {
        trusting([
            passport(1, "k"),
            external(ALPHA, "alpha", 0, "k").claims(map()).tenant(TenantRule::claim("org.t")),
            external(BETA, "beta", 0, "k").tenant(TenantRule::fixed("fabrikam")),
            pattern(DIRECTORIES, "directories", ("main", "other")),
            external(MAIN, "exact", 0, "k").tenant(TenantRule::fixed("quarantine")),
        ])
        .allowed_issuers("contoso", [ALPHA, PASSPORT])
        .max_token_size(64 * 1024)
    };
    let uncached = || config().cache_tokens(false).build().unwrap();
    let (long_lived, memo_alpha, memo_none) = (config().build().unwrap(), uncached(), uncached());
    let mut good = claims_of(ALPHA);
    good["org"] = json!({ "t": "contoso" });
    verify(&memo_alpha, &test_key(0).sign(r#"{"alg":"RS256","kid":"k"}"#, &good.to_string())).unwrap();
    let (mut wrong, mut accepted, mut total) = (Vec::new(), 0, 0);
    for payload in tricks() {
        for key in [0, 1] {
            let token = test_key(key).sign(r#"{"alg":"RS256","kid":"k"}"#, &payload);
            let plain = test_key(key).sign(r#"{"kid":"k","alg":"RS256"}"#, &payload);
            // A new verifier has no memo.
            let without = seen(verify(&uncached(), &token));
            let results = [
                seen(verify(&long_lived, &token)),
                seen(verify(&long_lived, &token)),
                seen(verify(&memo_alpha, &token)),
                seen(verify(&memo_none, &plain)),
            ];
            total += 1;
            accepted += usize::from(without.is_ok());
            if let Ok((issuer, _, tenant, roles, permissions, is_service, _)) = &without {
                let allowed = match issuer.as_str() {
                    PASSPORT => tenant == "contoso" && key == 1,
                    ALPHA => tenant == "contoso" && key == 0,
                    BETA => tenant == "fabrikam" && key == 0,
                    MAIN => tenant == "quarantine" && key == 0,
                    OTHER => tenant == "other" && key == 0,
                    _ => false,
                };
                let own = issuer == PASSPORT
                    || ((roles.is_empty() || *roles == ["clerk"]) && permissions.is_empty());
                let service = !is_service || issuer == ALPHA;
                if !(allowed && own && service) {
                    wrong.push(format!("RIGHTS {without:?} {payload:.200}"));
                }
            }
            if results.iter().any(|result| *result != without) {
                wrong.push(format!("DIFFER {without:?} {results:?} {payload:.300}"));
            }
        }
    }
    wrong.truncate(12);
    assert!(wrong.is_empty(), "{} of {total}: {wrong:#?}", wrong.len());
    assert!(accepted > 50, "{accepted} of {total}");
}

const PARTS: [&str; 24] = [
    "\"iss\":",
    "\"\\u0069ss\":",
    "\"https://alpha.example\"",
    "\"https:\\/\\/alpha.example\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "5",
    " ",
    "\u{feff}",
    "\\ud83d\\ude00",
    "\\ud83d",
    "1e400",
    "\"tid\":",
    "\"beta\"",
    "-",
    "\u{0}",
    "\u{e9}",
];

#[test]
fn hit_miss_memo_and_no_memo_agree_about_random_payloads() {
    let config = || {
        trusting([
            passport(1, "k"),
            external(ALPHA, "alpha", 0, "k").tenant(TenantRule::claim("tid")),
            external(BETA, "beta", 0, "k")
                .tenant(TenantRule::fixed("fabrikam"))
                .token_types(["at+jwt", "jwt"]),
            pattern(DIRECTORIES, "directories", ("main", "other")),
            external(MAIN, "exact", 0, "k").tenant(TenantRule::fixed("quarantine")),
        ])
        .allowed_issuers("contoso", [ALPHA, PASSPORT])
        .allowed_issuers(MAIN_ID, [ALPHA])
    };
    fastrand::seed(25);
    let header = r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#;
    let long_lived = config().build().unwrap();
    let memo = config().cache_tokens(false).build().unwrap();
    verify(&memo, &test_key(0).sign(header, &directory_claims(ALPHA, MAIN_ID).to_string())).unwrap();
    let other_signature = test_key(0).sign(header, "{}");
    let other_signature = other_signature.rsplit('.').next().unwrap();
    let (mut wrong, mut accepted) = (Vec::new(), 0);
    for _ in 0..3000 {
        let iss = [ALPHA, BETA, MAIN, OTHER, PASSPORT, "https://unknown.example"][fastrand::usize(..6)];
        let mut payload = directory_claims(iss, if iss == OTHER { OTHER_ID } else { MAIN_ID }).to_string();
        if fastrand::bool() {
            payload =
                format!("{{\"iss\":\"{iss}\",{}", &payload[1..].replace(&format!("\"iss\":\"{iss}\","), ""));
        }
        for _ in 0..fastrand::usize(..3) {
            let at = fastrand::usize(..payload.len());
            if !payload.is_char_boundary(at) {
                continue;
            }
            match fastrand::u8(..3) {
                0 => payload.insert_str(at, PARTS[fastrand::usize(..24)]),
                1 => drop(payload.remove(at)),
                _ => {
                    let copy = payload[at..].chars().take(30).collect::<String>();
                    let to = fastrand::usize(..payload.len());
                    if payload.is_char_boundary(to) {
                        payload.insert_str(to, &copy);
                    }
                }
            }
        }
        let mut token = test_key(fastrand::usize(..2)).sign(header, &payload);
        if fastrand::u8(..4) == 0 {
            let dot = token.rfind('.').unwrap();
            token.replace_range(dot + 1.., other_signature);
        }
        let without = seen(verify(&config().cache_tokens(false).build().unwrap(), &token));
        accepted += usize::from(without.is_ok());
        let results = [
            seen(verify(&long_lived, &token)),
            seen(verify(&long_lived, &token)),
            seen(verify(&memo, &token)),
        ];
        if results.iter().any(|result| *result != without) {
            wrong.push(format!("DIFFER {without:?} {results:?} {payload}"));
        }
        if let Ok((issuer, _, tenant, ..)) = &without {
            let expected = match issuer.as_str() {
                ALPHA => MAIN_ID,
                BETA => "fabrikam",
                MAIN => "quarantine",
                OTHER => "other",
                // Passport may name any tenant but the one that lists only alpha.
                _ => "any",
            };
            if if expected == "any" { tenant == MAIN_ID } else { tenant != expected } {
                wrong.push(format!("RIGHTS {without:?} {payload}"));
            }
        }
    }
    let count = wrong.len();
    wrong.truncate(6);
    assert!(wrong.is_empty(), "{count}: {wrong:#?}");
    assert!(accepted > 300, "{accepted}");
}
