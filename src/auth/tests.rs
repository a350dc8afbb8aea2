use serde_json::json;

use super::*;

/// Tokens of another implementation: algorithm, key, token.
const TOKENS: &str = include_str!("../../tests/tokens/tokens.txt");
const SECRET: &str = "a secret of more than thirty-two bytes, and of more than sixty-four too";
const NOW: u64 = 1_900_000_000;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn pem(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/tokens/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn issuer(algorithms: &[Algorithm], key: Key) -> Issuer {
    Issuer {
        issuer: Some("https://issuer.example".to_owned()),
        audience: vec!["other".to_owned(), "api".to_owned()],
        leeway: Duration::from_secs(30),
        ..Issuer::new(algorithms.to_vec(), key)
    }
}

fn shared(algorithms: &[Algorithm]) -> Issuer {
    issuer(algorithms, Key::shared(Secret::new(SECRET), algorithms).unwrap())
}

fn public(algorithms: &[Algorithm], name: &str) -> Issuer {
    issuer(algorithms, Key::public(&pem(name), algorithms).unwrap())
}

fn identify(issuer: Issuer, token: &str) -> Result<Identity, TokenError> {
    Issuers::new(vec![issuer]).identify(token, at(NOW))
}

fn user(issuer: Issuer, token: &str) -> Arc<User> {
    match identify(issuer, token) {
        Ok(Identity::User(user)) => user,
        other => panic!("{token}: {other:?}"),
    }
}

fn tokens() -> impl Iterator<Item = (Algorithm, &'static str, &'static str)> {
    TOKENS.lines().map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        (word().parse().unwrap(), word(), word())
    })
}

fn by_name(algorithm: Algorithm, key: &str) -> Issuer {
    if key == "-" { shared(&[algorithm]) } else { public(&[algorithm], key) }
}

/// The good claims with these changes; `null` removes one.
fn claims(changes: &Value) -> Map<String, Value> {
    let mut claims = json!({"sub": "alice", "iss": "https://issuer.example", "aud": "api", "exp": NOW + 60});
    let map = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        map.insert(name.clone(), value.clone());
    }
    map.retain(|_, value| !value.is_null());
    map.clone()
}

fn signed(changes: &Value) -> String {
    ring::install();
    shared(&[Algorithm::HS256]).sign(&claims(changes)).unwrap()
}

fn part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

#[test]
fn tokens_of_every_algorithm_are_accepted() {
    assert_eq!(tokens().count(), 12);
    for (algorithm, key, token) in tokens() {
        let user = user(by_name(algorithm, key), token);
        assert_eq!((user.id.as_str(), user.email.as_deref()), ("alice", Some("alice@example.com")));
        assert_eq!(user.roles, ["admin"]);
        assert_eq!(user.expires, Some(at(2_000_000_030)));
        assert_eq!(user.claims.get("aud").unwrap(), "api");
    }
}

#[test]
fn a_token_that_was_changed_anywhere_is_refused() {
    for (algorithm, key, token) in tokens() {
        let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bytes[3] ^= 1;
        let flipped = URL_SAFE_NO_PAD.encode(bytes);
        let other =
            part(&json!({"sub": "bob", "iss": "https://issuer.example", "aud": "api", "exp": NOW + 60}));
        for changed in [
            format!("{header}.{claims}.{flipped}"),
            format!("{header}.{other}.{signature}"),
            format!("{header}.{claims}."),
        ] {
            let error = identify(by_name(algorithm, key), &changed).unwrap_err();
            assert_eq!(error, TokenError::Signature, "{algorithm:?} {changed}");
        }
    }
}

#[test]
fn only_pinned_algorithms_are_accepted() {
    for (algorithm, key, token) in tokens() {
        let others = algorithm.family();
        let others: Vec<Algorithm> =
            others.algorithms().iter().copied().filter(|other| *other != algorithm).collect();
        let fitting = if key == "-" {
            Key::shared(Secret::new(SECRET), &others)
        } else {
            Key::public(&pem(key), &others)
        };
        // A key of one curve fits one algorithm, and EdDSA is alone.
        let Ok(fitting) = fitting else { continue };
        assert_eq!(identify(issuer(&others, fitting), token), Err(TokenError::Algorithm), "{algorithm:?}");
    }
}

#[test]
fn tokens_without_a_signature_are_refused() {
    let body = part(&json!({"sub": "alice", "iss": "https://issuer.example", "aud": "api", "exp": NOW + 60}));
    for name in ["none", "None", "NONE", "", "HS257"] {
        for signature in ["", "AAAA"] {
            let token = format!("{}.{body}.{signature}", part(&json!({"alg": name})));
            let error = identify(shared(&[Algorithm::HS256]), &token).unwrap_err();
            assert_eq!(error, TokenError::Algorithm, "{name}");
        }
    }
    let token = format!("{}.{body}.", part(&json!({"typ": "JWT"})));
    assert_eq!(identify(shared(&[Algorithm::HS256]), &token), Err(TokenError::Algorithm));
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    let public_key = pem("rsa.pub.pem");
    let both = [Algorithm::RS256, Algorithm::HS256];
    let Ok(Key::Public(key)) = Key::public(&public_key, &[Algorithm::RS256]) else { panic!() };
    // As everybody has it, and as it is kept here.
    for secret in [public_key.clone(), key.try_get_as_bytes().unwrap().to_vec()] {
        ring::install();
        let forged = issuer(&[Algorithm::HS256], Key::Shared(Secret::new(secret))).sign(&claims(&json!({})));
        let forged = forged.unwrap();
        assert_eq!(identify(public(&[Algorithm::RS256], "rsa.pub.pem"), &forged), Err(TokenError::Algorithm));
        // Not even where both kinds were listed.
        let confused = issuer(&both, Key::Public(key.clone()));
        assert_eq!(identify(confused, &forged), Err(TokenError::Signature));
    }
    assert!(Key::public(&public_key, &both).unwrap_err().contains("one kind of key"));
    assert!(Key::shared(Secret::new(SECRET), &both).unwrap_err().contains("public_key_file"));
}

#[test]
fn claims_decide_why_a_token_is_refused() {
    // (changes, what comes of it)
    let rows = [
        (json!({}), Ok(())),
        (json!({"exp": NOW}), Ok(())),
        (json!({"exp": NOW - 29}), Ok(())),
        (json!({"exp": NOW - 30}), Err(TokenError::Expired)),
        (json!({"exp": 1_900_000_000.5}), Ok(())),
        (json!({"exp": 0}), Err(TokenError::Expired)),
        (json!({"exp": null}), Err(TokenError::NoExpiry)),
        (json!({"exp": "2099"}), Err(TokenError::NoExpiry)),
        (json!({"exp": -5}), Err(TokenError::NoExpiry)),
        (json!({"exp": 1e300}), Err(TokenError::NoExpiry)),
        (json!({"exp": u64::MAX - 10_000}), Ok(())),
        (json!({"exp": 1e18}), Ok(())),
        (json!({"nbf": NOW + 30}), Ok(())),
        (json!({"nbf": NOW + 31}), Err(TokenError::NotYetValid)),
        (json!({"nbf": "soon"}), Err(TokenError::NotYetValid)),
        (json!({"iss": "https://other.example"}), Err(TokenError::Issuer)),
        (json!({"iss": null}), Err(TokenError::Issuer)),
        (json!({"iss": ["https://issuer.example"]}), Err(TokenError::Issuer)),
        (json!({"aud": "web"}), Err(TokenError::Audience)),
        (json!({"aud": null}), Err(TokenError::Audience)),
        (json!({"aud": ["web", "api"]}), Ok(())),
        (json!({"aud": {"api": true}}), Err(TokenError::Audience)),
        (json!({"sub": null}), Err(TokenError::NoUser)),
        (json!({"sub": ""}), Err(TokenError::NoUser)),
        (json!({"sub": 7}), Ok(())),
        (json!({"sub": 7.5}), Err(TokenError::NoUser)),
        (json!({"sub": true}), Err(TokenError::NoUser)),
        (json!({"sub": ["alice"]}), Err(TokenError::NoUser)),
        (json!({"token_type": "refresh"}), Err(TokenError::Refresh)),
        (json!({"type": "refresh"}), Err(TokenError::Refresh)),
        (json!({"typ": "Refresh"}), Err(TokenError::Refresh)),
        (json!({"typ": "Bearer", "type": "access", "token_type": ["refresh"]}), Ok(())),
    ];
    for (changes, expected) in rows {
        let result = identify(shared(&[Algorithm::HS256]), &signed(&changes));
        assert_eq!(result.map(|_| ()), expected, "{changes}");
    }
}

#[test]
fn a_token_for_somebody_else_needs_a_configured_audience() {
    let without = || Issuer { audience: Vec::new(), ..shared(&[Algorithm::HS256]) };
    assert_eq!(identify(without(), &signed(&json!({}))), Err(TokenError::Audience));
    assert!(identify(without(), &signed(&json!({"aud": null}))).is_ok());
}

#[test]
fn what_is_no_token_is_malformed() {
    let good = signed(&json!({}));
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let critical = part(&json!({"alg": "HS256", "crit": ["b64"], "b64": false}));
    let deep = URL_SAFE_NO_PAD.encode("[".repeat(5000));
    for text in [
        String::new(),
        "hunter2".to_owned(),
        "..".to_owned(),
        format!("{header}.{claims}"),
        format!("{good}.x"),
        format!("{header}.{claims}=.{signature}"),
        format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("[1]")),
        format!("{header}.{deep}.{signature}"),
        format!("{critical}.{claims}.{signature}"),
        format!("{header}.{claims}.{}", "A".repeat(MAX_TOKEN_BYTES)),
        "é.é.é".to_owned(),
    ] {
        assert_eq!(identify(shared(&[Algorithm::HS256]), &text), Err(TokenError::Malformed), "{text:.80}");
    }
}

#[test]
fn names_of_claims_can_be_chosen() {
    let mut issuer = shared(&[Algorithm::HS256]);
    issuer.user_claims = vec!["user.id".to_owned()];
    issuer.email_claim = "user.mail".to_owned();
    issuer.roles_claim = "https://example.com/roles".to_owned();
    let token = signed(&json!({
        "user": {"id": 12, "mail": "a@b"}, "https://example.com/roles": " admin  editor ", "roles": ["no"],
    }));
    let found = user(issuer, &token);
    assert_eq!((found.id.as_str(), found.email.as_deref()), ("12", Some("a@b")));
    assert_eq!(found.roles, ["admin", "editor"]);
    let odd =
        user(shared(&[Algorithm::HS256]), &signed(&json!({"roles": ["a", 1, null, "b c"], "email": 1})));
    assert_eq!((odd.roles.clone(), odd.email.clone()), (vec!["a".to_owned(), "b c".to_owned()], None));
}

#[test]
fn who_has_no_sub_is_whom_the_next_claim_names() {
    for (claims, expected) in [
        (json!({"sub": "ann", "user_id": 7}), "ann"),
        (json!({"sub": null, "user_id": 7}), "7"),
        (json!({"sub": "", "user_id": "ben"}), "ben"),
    ] {
        assert_eq!(user(shared(&[Algorithm::HS256]), &signed(&claims)).id, expected, "{claims}");
    }
    let nobody = signed(&json!({"sub": null, "user_id": ""}));
    assert_eq!(identify(shared(&[Algorithm::HS256]), &nobody), Err(TokenError::NoUser));
}

#[test]
fn of_several_issuers_the_one_that_is_named_decides() {
    let other = Issuer {
        issuer: Some("https://other.example".to_owned()),
        key: Key::Shared(Secret::new("another secret")),
        ..shared(&[Algorithm::HS256])
    };
    let rotated = Issuer { key: Key::Shared(Secret::new("an older secret")), ..shared(&[Algorithm::HS256]) };
    let issuers = Issuers::new(vec![other.clone(), rotated.clone(), shared(&[Algorithm::HS256])]);
    let identify = |token: &str| issuers.identify(token, at(NOW)).map(|_| ());
    assert_eq!(identify(&signed(&json!({}))), Ok(()));
    assert_eq!(identify(&rotated.sign(&claims(&json!({}))).unwrap()), Ok(()));
    assert_eq!(identify(&other.sign(&claims(&json!({"iss": "https://other.example"}))).unwrap()), Ok(()));
    // The other issuer must not speak for this one.
    assert_eq!(identify(&other.sign(&claims(&json!({}))).unwrap()), Err(TokenError::Signature));
    assert_eq!(identify(&signed(&json!({"iss": "https://third.example"}))), Err(TokenError::Issuer));
    assert_eq!(identify(&signed(&json!({"exp": 1}))), Err(TokenError::Expired));
}

#[test]
fn keys_that_do_not_fit_are_refused_with_what_would_be_right() {
    let refused = |name: &str, algorithms: &[Algorithm]| Key::public(&pem(name), algorithms).unwrap_err();
    assert!(refused("p256.pub.pem", &[Algorithm::ES384]).contains("elliptic curve"));
    assert!(refused("p256.pub.pem", &[Algorithm::RS256]).contains("RSA"));
    assert!(refused("rsa.pub.pem", &[Algorithm::EdDSA]).contains("Ed25519"));
    assert!(refused("rsa.pub.pem", &[Algorithm::HS256]).contains("secret"));
    assert!(refused("tokens.txt", &[Algorithm::RS256]).contains("PEM"));
    let private = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert!(Key::public(private, &[Algorithm::RS256]).unwrap_err().contains("private"));
    assert!(Key::shared(Secret::new(""), &[Algorithm::HS256]).unwrap_err().contains("not empty"));
}

#[test]
fn secrets_are_never_shown() {
    assert!(!format!("{:?}", Issuers::new(vec![shared(&[Algorithm::HS256])])).contains(SECRET));
}
