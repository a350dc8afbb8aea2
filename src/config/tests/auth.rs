//! `[auth.jwt]`.

use super::*;

#[test]
fn the_shipped_table_of_tokens_loads() {
    let table = SHIPPED
        .lines()
        .skip_while(|line| !line.starts_with("# [auth.jwt]"))
        .take_while(|line| !line.is_empty());
    let lines = table
        .map(|line| line.trim_start_matches(['#', ' ']))
        .filter(|line| !line.starts_with("public_key_file") && !line.starts_with("jwks_"));
    let text = lines.collect::<Vec<_>>().join("\n").replace("env:RESTCAST_JWT_SECRET", "x");
    let (shipped, minimal) = (auth(&text), auth(HMAC));
    assert_eq!(format!("{:?}", shipped.auth), format!("{:?}", minimal.auth));
}

#[test]
fn keys_come_from_files_beside_the_configuration_and_from_the_environment() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/proxy.toml");
    for key in [
        "algorithms = \"RS256\"\npublic_key_file = \"tests/tokens/rsa.pub.pem\"",
        "algorithms = \"HS256\"\nsecret = \"file:LICENSE\"",
        "algorithms = [\"RS256\", \"ES256\"]\njwks_url = \"https://a.test/\"\njwks_ca_file = \"tests/tls/ca.pem\"",
        "algorithms = \"HS256\"\nsecret = \"env:PATH\"",
    ] {
        let config = Config::parse(root, &format!("{MINIMAL}[auth.jwt]\n{key}\n")).unwrap();
        assert_eq!(config.auth.unwrap().iter().count(), 1);
    }
}

#[test]
fn several_issuers_are_a_list() {
    let text = HMAC.replace("[auth.jwt]", "[[auth.jwt]]");
    let named = format!("{text}issuer = \"https://a.test\"\n");
    // Both may be one issuer's, with two keys.
    assert_eq!(auth(&format!("{named}{named}")).auth.unwrap().iter().count(), 2);
    assert_eq!(auth(&text).auth.unwrap().iter().count(), 1, "one alone needs no name");
}

#[test]
fn several_issuers_need_their_names() {
    let text = HMAC.replace("[auth.jwt]", "[[auth.jwt]]");
    let named = format!("{text}issuer = \"https://a.test\"\n");
    let (nameless, empty) = (format!("{named}{text}"), format!("{text}issuer = \"\"\n{named}"));
    let expected = "with several [[auth.jwt]] each needs the iss of its tokens; for example issuer = ";
    refused(&[
        (&nameless, &format!("auth.jwt[2].issuer: {expected}")),
        (&empty, &format!("auth.jwt[1].issuer = \"\": {expected}")),
    ]);
    assert_eq!(errors(&format!("{MINIMAL}{nameless}")).lines().count(), 1);
}

/// Each table has a problem that says this, and hides what is secret.
fn refused(rows: &[(&str, &str)]) {
    for (table, part) in rows {
        // A key without a table has to stand before all tables.
        let text = if table.starts_with("auth") {
            format!("{table}\n{MINIMAL}")
        } else {
            format!("{MINIMAL}{table}\n")
        };
        let errors = errors(&text);
        assert!(errors.contains(part), "{table}\n{errors}");
        assert!(!errors.contains("hunter2"), "{errors}");
    }
}

#[test]
fn what_is_wrong_with_published_keys_is_named() {
    refused(&[
        (
            "[auth.jwt]\nalgorithms = \"RS256\"\nsecret = \"hunter2\"\njwks_url = \"https://a.test/\"",
            "auth.jwt.jwks_url = \"https://a.test/\": a [auth.jwt] has one of secret and jwks_url",
        ),
        (
            "[auth.jwt]\nalgorithms = [\"RS256\", \"HS256\"]\njwks_url = \"https://a.test/\"",
            "expected secret for the algorithm HS256",
        ),
        ("[auth.jwt]\nalgorithms = \"RS256\"\njwks_url = \"a.test/jwks\"", "expected a URL of http or https"),
        (
            "[auth.jwt]\nalgorithms = \"RS256\"\njwks_url = \"ftp://a.test/\"",
            "expected a URL of http or https",
        ),
        (
            "[auth.jwt]\nalgorithms = \"RS256\"\njwks_url = \"https://a.test/#x\"",
            "expected a URL of http or https",
        ),
        (
            "[auth.jwt]\nalgorithms = \"RS256\"\njwks_url = \"https://u:hunter2@a.test/\"",
            "auth.jwt.jwks_url = …: expected a URL of http or https",
        ),
        (
            "[auth.jwt]\nalgorithms = \"RS256\"\njwks_url = \"https://a.test/\"\njwks_cache = \"500ms\"",
            "auth.jwt.jwks_cache = \"500ms\": expected a duration from \"1s\" to \"24h\"",
        ),
        (
            "[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"x\"\njwks_cache = \"5m\"",
            "jwks_cache = \"5m\": needs a jwks_url",
        ),
        (
            "[auth.jwt]\nalgorithms = \"RS256\"\njwks_url = \"https://a.test/\"\njwks_ca_file = \"LICENSE\"",
            "expected a PEM file with at least one certificate",
        ),
        (
            "[auth.jwt]\nalgorithms = \"RS256\"\njwks_url = \"http://a.test/\"\njwks_ca_file = \"tests/tls/ca.pem\"",
            "needs a jwks_url of https",
        ),
        (
            "[auth.jwt]\nalgorithms = \"RS256\"\njwks_url = \"https://a.test/\"\njwks_file = \"x\"",
            "unknown key",
        ),
    ]);
}

#[test]
fn what_is_wrong_with_a_key_is_named_and_a_secret_is_not_shown() {
    // (table, part of the problem)
    let rows = [
        ("[auth]\njwt = 5", "auth.jwt: expected a table"),
        ("auth = 5", "expected a table: [auth.jwt]"),
        ("[auth.jwks]", "unknown table"),
        ("[auth.jwt]", "auth.jwt.algorithms: is missing"),
        ("[auth.jwt]\nalgorithms = [\"none\"]", "expected a list of HS256"),
        ("[auth.jwt]\nalgorithms = []", "expected a list of HS256"),
        ("[auth.jwt]\nalgorithms = \"HS256\"", "auth.jwt.secret: is missing"),
        (
            "[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"hunter2\"\npublic_key_file = \"x.pem\"",
            "leave one out",
        ),
        ("[auth.jwt]\nalgorithms = \"RS256\"\nsecret = \"hunter2\"", "expected public_key_file"),
        (
            "[auth.jwt]\nalgorithms = \"HS256\"\nsecret = [\"hunter2\"]",
            "auth.jwt.secret = …: expected a string",
        ),
        ("[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"\"", "a secret that is not empty"),
        (
            "[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"env:RESTCAST_NO_SUCH\"",
            "environment variable RESTCAST_NO_SUCH",
        ),
        ("[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"file:/no/such\"", "a readable file: /no/such"),
        ("[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"file:/\"", "not a file"),
        ("[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"file:/dev/zero\"", "not a file"),
        (
            "[auth.jwt]\nalgorithms = \"RS256\"\npublic_key_file = \"Cargo.toml\"",
            "a PEM file with an RSA public key",
        ),
        (
            "[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"hunter2\"\nsecre = \"hunter2\"",
            "did you mean secret?",
        ),
        (
            "[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"hunter2\"\nuser_claim = \"\"",
            "the name of a claim",
        ),
        (
            "[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"hunter2\"\nuser_claim = []",
            "the name of a claim, or a list of them",
        ),
        (
            "[[auth.jwt]]\nalgorithms = \"HS256\"\nsecret = \"hunter2\"\nleeway = 5",
            "auth.jwt[1].leeway = 5: expected a duration",
        ),
    ];
    refused(&rows);
    assert!(!format!("{:?}", auth(&HMAC.replace("a secret", "hunter2"))).contains("hunter2"));
}

#[test]
fn no_leeway_at_all_was_refused() {
    let leeway = |value: &str| {
        let config = auth(&format!("{HMAC}leeway = \"{value}\"\n"));
        config.auth.unwrap().iter().next().unwrap().leeway
    };
    assert_eq!((leeway("0s"), leeway("5s")), (Duration::ZERO, Duration::from_secs(5)));
    for wrong in ["0", "-1s", "400000h"] {
        let table = format!("{HMAC}leeway = \"{wrong}\"");
        refused(&[(&table, "expected a duration with a unit, such as \"0s\"")]);
    }
}

#[test]
fn a_user_without_sub_was_nobody_where_user_claim_is_not_set() {
    let claims = |line: &str| {
        let config = auth(&format!("{HMAC}{line}\n"));
        config.auth.unwrap().iter().next().unwrap().user_claims.join(" ")
    };
    assert_eq!(claims(""), "sub user_id");
    assert_eq!(claims("user_claim = \"uid\""), "uid");
    assert_eq!(claims("user_claim = [\"uid\", \"user.id\"]"), "uid user.id");
}

#[test]
fn a_short_secret_is_named_and_not_shown() {
    let warnings = warnings(&HMAC.replace("a secret of more than thirty-two bytes", "hunter2"));
    assert!(warnings.contains("32 bytes") && !warnings.contains("hunter2"), "{warnings}");
}

#[test]
fn keys_that_come_over_an_open_net_are_warned_of() {
    let with = |url: &str| warnings(&format!("[auth.jwt]\nalgorithms = \"RS256\"\njwks_url = \"{url}\"\n"));
    let warned = with("http://login.example/jwks?key=hunter2");
    assert!(warned.contains("auth.jwt.jwks_url = http://login.example/jwks is not https"), "{warned}");
    assert!(!warned.contains("hunter2"), "{warned}");
    for url in ["https://login.example/", "http://127.0.0.1:9/", "http://[::1]:9/", "http://localhost/"] {
        assert_eq!(with(url), "", "{url}");
    }
    assert!(with("http://localhost.example/").contains("not https"));
}
