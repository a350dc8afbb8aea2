use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::{Issuer, Issuers, Key, Secret};
use super::*;
use crate::identity::Identity;

/// Keys and tokens of another implementation.
const PUBLISHED: &str = include_str!("../../../tests/tokens/published.json");
const ALL: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

fn published() -> Value {
    serde_json::from_str(PUBLISHED).unwrap()
}

fn key(kid: &str) -> Value {
    published()["keys"][kid].clone()
}

fn token(name: &str) -> String {
    published()["tokens"][name].as_str().unwrap_or_else(|| panic!("{name}")).to_owned()
}

fn parse(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn source() -> Source {
    Source { url: Uri::from_static("https://issuer.example/jwks"), authorities: None }
}

fn empty() -> Arc<Jwks> {
    Arc::new(Jwks::new(source(), Policy::new(Duration::from_mins(5))))
}

fn with(keys: &[Value]) -> Arc<Jwks> {
    let jwks = empty();
    assert_eq!(jwks.begin(Duration::ZERO), None);
    jwks.loaded(parse(keys), &HeaderMap::new(), Duration::ZERO);
    jwks
}

fn all() -> Arc<Jwks> {
    with(&["rsa", "rsa-ps", "p256", "p384", "ed"].map(key))
}

fn issuer(algorithms: &[&str], key: Key) -> Issuer {
    Issuer::new(algorithms.iter().map(|name| name.parse().unwrap()).collect(), key)
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000)
}

fn check(jwks: &Arc<Jwks>, algorithms: &[&str], token: &str) -> Result<(), TokenError> {
    let issuers = Issuers::new(vec![issuer(algorithms, Key::Published(Arc::clone(jwks)))]);
    issuers.identify(token, now()).map(|identity| assert!(matches!(identity, Identity::User(_))))
}

#[test]
fn tokens_are_checked_with_the_key_that_they_name() {
    let tokens = published()["tokens"].as_object().unwrap().clone();
    assert_eq!(tokens.len(), 17);
    for name in tokens.keys() {
        let expected = match name.as_str() {
            "stranger RS256" | "stranger without kid RS256" => Err(TokenError::UnknownKey),
            "stranger as rsa RS256" => Err(TokenError::Signature),
            // Its key says what it is for.
            "rsa-ps RS256" => Err(TokenError::Algorithm),
            "expired stranger RS256" => Err(TokenError::Expired),
            _ => Ok(()),
        };
        assert_eq!(check(&all(), &ALL, &token(name)), expected, "{name}");
    }
}

#[test]
fn only_pinned_algorithms_count_whatever_is_published() {
    for (name, algorithm) in [("rsa RS256", "RS256"), ("p256 ES256", "ES256"), ("ed EdDSA", "EdDSA")] {
        let others: Vec<&str> = ALL.into_iter().filter(|other| *other != algorithm).collect();
        assert_eq!(check(&all(), &others, &token(name)), Err(TokenError::Algorithm), "{name}");
        assert_eq!(check(&all(), &[algorithm], &token(name)), Ok(()), "{name}");
    }
}

/// The token with another header, its signature left alone.
fn with_header(name: &str, header: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{}", token(name).split_once('.').unwrap().1)
}

#[test]
fn a_key_serves_nothing_but_its_own_kind() {
    // A token of one kind that names a key of another.
    for (name, algorithm, kid) in [
        ("rsa RS256", "RS256", "p256"),
        ("p256 ES256", "ES256", "rsa"),
        ("p256 ES256", "ES256", "p384"),
        ("ed EdDSA", "EdDSA", "p256"),
        ("p256 ES256", "EdDSA", "p256"),
    ] {
        let forged = with_header(name, &json!({"alg": algorithm, "kid": kid}));
        assert_eq!(check(&all(), &ALL, &forged), Err(TokenError::Algorithm), "{name} {algorithm} {kid}");
    }
    // What everybody knows of a public key, as a secret; even if somebody configured it.
    let document = key("rsa");
    let modulus = URL_SAFE_NO_PAD.decode(document["n"].as_str().unwrap()).unwrap();
    let secrets = [document.to_string().into_bytes(), document["n"].as_str().unwrap().into(), modulus];
    for secret in secrets {
        let forger = issuer(&["HS256"], Key::Shared(Secret::new(secret)));
        let claims = json!({"sub": "alice", "exp": 4_000_000_000_u64});
        let forged = Issuers::new(vec![forger]).iter().next().unwrap().sign(claims.as_object().unwrap());
        let forged = forged.unwrap();
        assert_eq!(check(&all(), &ALL, &forged), Err(TokenError::Algorithm));
        let error = check(&all(), &["HS256", "RS256"], &forged).unwrap_err();
        assert_eq!(error, TokenError::UnknownKey);
    }
    let none = with_header("rsa RS256", &json!({"alg": "none", "kid": "rsa"}));
    assert_eq!(check(&all(), &ALL, &none), Err(TokenError::Algorithm));
}

#[test]
fn a_key_that_comes_with_the_token_is_not_looked_at() {
    for member in ["jwk", "jku", "x5u", "x5c"] {
        let mut header = json!({"alg": "RS256", "kid": "rsa"});
        header[member] = key("stranger");
        assert_eq!(check(&all(), &ALL, &with_header("stranger RS256", &header)), Err(TokenError::Signature));
    }
}

#[test]
fn keys_that_cannot_be_used_are_skipped_and_the_rest_counts() {
    let changed = |kid: &str, name: &str, value: Value| {
        let mut key = key(kid);
        key[name] = value;
        key
    };
    let mut without = key("rsa");
    without.as_object_mut().unwrap().remove("n");
    // (key, part of the reason)
    let rows = [
        (json!({"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"}), "shared secret"),
        (json!({"kty": "oct", "alg": "HS256", "k": "c2VjcmV0"}), "shared secret"),
        (json!({"kty": "PQC"}), "unknown kind"),
        (json!("rsa"), "unknown kind"),
        (json!({}), "unknown kind"),
        (without, "n or e"),
        (changed("rsa", "n", json!("*")), "n or e"),
        (changed("rsa", "n", json!("AQAB")), "2048"),
        (changed("rsa", "use", json!("enc")), "not for checking"),
        (changed("rsa", "key_ops", json!(["encrypt"])), "not for checking"),
        (changed("rsa", "key_ops", json!("verify")), "not for checking"),
        (changed("rsa", "alg", json!("RSA-OAEP")), "alg"),
        (changed("rsa", "alg", json!("ES256")), "alg"),
        (changed("rsa", "alg", json!("HS256")), "alg"),
        (changed("rsa", "alg", json!(7)), "alg"),
        (changed("rsa", "d", json!("AAAA")), "private"),
        (changed("rsa", "kid", json!(7)), "kid"),
        (changed("rsa", "kid", json!("k".repeat(257))), "kid"),
        (changed("p256", "crv", json!("secp256k1")), "curve"),
        (changed("p256", "crv", json!("P-384")), "length"),
        (changed("p256", "y", json!("AAAA")), "length"),
        (changed("ed", "crv", json!("X25519")), "curve"),
        (changed("ed", "x", json!("AAAA")), "32 bytes"),
    ];
    for (bad, reason) in rows {
        let set = parse(&[bad.clone(), key("ed")]);
        assert_eq!((set.keys.len(), set.skipped.len()), (1, 1), "{bad}");
        assert!(set.skipped[0].1.contains(reason), "{bad}: {}", set.skipped[0].1);
        assert_eq!(check(&with(&[bad, key("ed")]), &ALL, &token("ed EdDSA")), Ok(()));
    }
}

#[test]
fn keys_are_read_as_issuers_write_them() {
    let changed = |kid: &str, name: &str, value: Value| {
        let mut key = key(kid);
        key[name] = value;
        key
    };
    let modulus = URL_SAFE_NO_PAD.decode(key("rsa")["n"].as_str().unwrap()).unwrap();
    let padded = URL_SAFE_NO_PAD.encode([&[0][..], &modulus].concat());
    let mut plain = key("rsa");
    for name in ["kid", "use"] {
        plain.as_object_mut().unwrap().remove(name);
    }
    for (key, name) in [
        (changed("rsa", "n", json!(padded)), "rsa RS256"),
        (changed("rsa", "e", json!("AQAB=")), "rsa RS256"),
        (changed("rsa", "key_ops", json!(["sign", "verify"])), "rsa RS256"),
        (changed("rsa", "x5c", json!(["MIIB"])), "rsa RS256"),
        (plain.clone(), "rsa RS256"),
        (plain, "no kid RS256"),
        (changed("ed", "alg", json!("Ed25519")), "ed EdDSA"),
    ] {
        assert_eq!(check(&with(std::slice::from_ref(&key)), &ALL, &token(name)), Ok(()), "{key}");
    }
    // Two kinds may share a name (RFC 7517, section 4.5).
    let shared = with(&[changed("p256", "kid", json!("rsa")), key("rsa")]);
    assert_eq!(check(&shared, &ALL, &token("rsa RS256")), Ok(()));
}

#[test]
fn what_is_no_set_is_an_error() {
    let large = json!({"keys": [], "filler": "x".repeat(MAX_BYTES)}).to_string();
    for text in ["", "<html>", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]", &"[".repeat(5000), &large] {
        assert!(KeySet::parse(text.as_bytes()).is_err(), "{text:.30}");
    }
    assert_eq!(KeySet::parse(b"{\"keys\":[],\"x\":1}").unwrap().keys.len(), 0);
}

#[test]
fn a_judgement_says_which_keys_would_make_sure() {
    let named = |name: &str, jwks: &Arc<Jwks>| Issuer {
        issuer: Some(name.to_owned()),
        ..issuer(&["RS256"], Key::Published(Arc::clone(jwks)))
    };
    let (jwks, other, secret) = (all(), empty(), issuer(&["HS256"], Key::Shared(Secret::new("s"))));
    let issuers = Issuers::new(vec![named("https://issuer.example", &jwks), named("other", &other), secret]);
    let judge = |name: &str| issuers.judge(&token(name), now());
    let lacking = |name: &str| judge(name).lacking.iter().map(|jwks| jwks.name()).collect::<Vec<_>>();
    assert!(judge("rsa RS256").verdict.is_ok() && lacking("rsa RS256").is_empty());
    let unknown = judge("stranger RS256");
    assert_eq!((unknown.verdict, unknown.kid.as_deref()), (Err(TokenError::UnknownKey), Some("stranger")));
    assert_eq!(lacking("stranger RS256"), ["https://issuer.example/jwks"]);
    // Nothing is asked for where another key would not help.
    for name in ["stranger as rsa RS256", "expired stranger RS256", "p256 ES256"] {
        assert!(judge(name).verdict.is_err() && lacking(name).is_empty(), "{name}");
    }
    // While nothing can be said, no other error hides it.
    let both = Issuers::new(vec![
        issuer(&["RS256"], Key::Published(other)),
        issuer(&["RS256"], Key::Published(jwks)),
        issuer(&["HS256"], Key::Shared(Secret::new("s"))),
    ]);
    assert_eq!(both.judge(&token("stranger RS256"), now()).verdict, Err(TokenError::NoKeys));
    let found = both.judge(&token("rsa RS256"), now());
    assert!(found.verdict.is_ok() && found.lacking.is_empty());
}

#[test]
fn without_keys_nothing_is_said() {
    let jwks = empty();
    assert_eq!(check(&jwks, &ALL, &token("rsa RS256")), Err(TokenError::NoKeys));
    jwks.failed("down", Duration::ZERO, 0);
    assert_eq!(check(&jwks, &ALL, &token("rsa RS256")), Err(TokenError::NoKeys));
    let jwks = all();
    assert_eq!(check(&jwks, &ALL, &token("stranger RS256")), Err(TokenError::UnknownKey));
    jwks.failed("down", Duration::ZERO, 0);
    assert_eq!(check(&jwks, &ALL, &token("stranger RS256")), Err(TokenError::NoKeys));
    assert_eq!(check(&jwks, &ALL, &token("rsa RS256")), Ok(()));
}
