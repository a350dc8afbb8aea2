use serde_json::json;

use super::super::Algorithm;
use super::cache::{Cache, Policy};
use super::document::KeySet;
use super::*;

const POLICY: Policy = Policy {
    fresh: Duration::from_mins(5),
    bounds: (Duration::from_mins(1), Duration::from_hours(1)),
    overlap: Duration::from_mins(5),
    stale: Duration::from_hours(1),
    interval: Duration::from_secs(30),
    unknown: Duration::from_mins(1),
};
const CHANCE: u32 = u32::MAX;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn set(kids: &str) -> KeySet {
    let jwk = |kid: &str| json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "A".repeat(43)});
    let keys: Vec<_> = kids.split_whitespace().map(jwk).collect();
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// The keys that count at that time.
fn kids(cache: &mut Cache, now: u64) -> String {
    cache.advance(at(now));
    cache.keys().iter().map(|held| held.key.kid.clone().unwrap()).collect::<Vec<_>>().join(" ")
}

/// A fetch from one time to another.
fn fetch(cache: &mut Cache, kids: &str, now: u64) {
    assert_eq!(cache.begin(at(now)), None);
    cache.loaded(set(kids), None, at(now));
}

fn loaded(kids: &str, now: u64) -> Cache {
    let mut cache = Cache::new(POLICY);
    fetch(&mut cache, kids, now);
    cache
}

#[test]
fn the_policy_follows_from_one_duration() {
    assert_eq!(Policy::new(at(300)), POLICY);
    let quick = Policy::new(at(1));
    assert_eq!((quick.bounds.0, quick.overlap, quick.interval), (at(1), at(1), Duration::from_millis(100)));
    let slow = Policy::new(at(24 * 3600));
    assert_eq!((slow.bounds, slow.interval), ((at(60), at(24 * 3600)), at(30)));
}

#[test]
fn a_document_is_fetched_at_once_and_before_the_last_one_is_over() {
    let mut cache = Cache::new(POLICY);
    assert!(!cache.is_loaded());
    assert_eq!(cache.begin(at(7)), None);
    cache.loaded(set("a"), None, at(10));
    assert_eq!(cache.begin(at(10)), Some(at(240)));
    assert_eq!(cache.begin(at(249)), Some(at(1)));
    assert_eq!(cache.begin(at(250)), None);
    // (what the answer says, when the next one is due)
    for (lifetime, due) in [(Some(100), 80), (Some(0), 48), (Some(1 << 40), 2880), (None, 240)] {
        cache.loaded(set("a"), lifetime.map(at), at(1000));
        assert_eq!(cache.begin(at(1000)), Some(at(due)), "{lifetime:?}");
    }
}

#[test]
fn a_key_that_is_retired_counts_through_the_overlap() {
    let mut cache = loaded("a b", 0);
    fetch(&mut cache, "b c", 240);
    assert_eq!(kids(&mut cache, 539), "b c a");
    assert_eq!(kids(&mut cache, 540), "b c");
    // One that comes back is published again; one that stays away is not given another overlap.
    fetch(&mut cache, "c", 540);
    fetch(&mut cache, "b", 800);
    assert_eq!(kids(&mut cache, 1099), "b c");
    assert_eq!(kids(&mut cache, 1100), "b");
    fetch(&mut cache, "", 1100);
    fetch(&mut cache, "", 1350);
    assert_eq!(kids(&mut cache, 1399), "b");
    assert_eq!(kids(&mut cache, 1400), "");
    assert!(cache.is_loaded(), "no keys are a statement too");
}

#[test]
fn an_unknown_key_asks_once_in_an_interval() {
    let mut cache = loaded("a", 0);
    assert!(cache.want(Some("x"), at(10)));
    // Everybody else waits for the same document, before and after it was begun.
    assert!(cache.want(Some("y"), at(10)));
    assert_eq!(cache.begin(at(10)), None);
    assert!(cache.want(Some("z"), at(11)));
    cache.loaded(set("a"), None, at(12));
    for (now, kid, expected) in [
        (12, "x", false),
        (12, "y", false),
        (39, "flood-1", false),
        // The next interval, of which the same key cannot have each.
        (40, "x", false),
        (40, "flood-2", true),
    ] {
        cache.advance(at(now));
        assert_eq!(cache.want(Some(kid), at(now)), expected, "{now} {kid}");
    }
    assert_eq!(cache.begin(at(40)), None);
    cache.loaded(set("a flood-2"), None, at(41));
    cache.advance(at(72));
    assert!(cache.want(Some("x"), at(72)), "a minute later it may have been published");
}

#[test]
fn an_unknown_key_is_looked_for_though_a_document_came_just_now() {
    let mut cache = loaded("a", 0);
    fetch(&mut cache, "a", 240);
    assert!(cache.want(Some("b"), at(241)));
    fetch(&mut cache, "a b", 241);
    assert_eq!(kids(&mut cache, 241), "a b");
    assert!(!cache.want(Some(&"k".repeat(1000)), at(1000)), "no issuer has such a kid");
    assert!(cache.want(None, at(1000)));
}

#[test]
fn keys_count_past_their_time_while_the_issuer_is_down_but_not_for_ever() {
    let mut cache = loaded("a", 0);
    let mut now = 240;
    while now < 3899 {
        assert_eq!(cache.begin(at(now)), None, "{now}");
        cache.failed(at(now), CHANCE);
        assert_eq!(kids(&mut cache, now), "a");
        now += 30;
    }
    assert_eq!(kids(&mut cache, 3899), "a");
    assert_eq!(kids(&mut cache, 3900), "");
    assert!(!cache.is_loaded());
    fetch(&mut cache, "a", 3930);
    assert!(cache.is_loaded() && !cache.is_failing());
}

#[test]
fn after_a_failure_nothing_is_asked_for_until_a_growing_pause_is_over() {
    for is_loaded in [false, true] {
        let mut cache = if is_loaded { loaded("a", 0) } else { Cache::new(POLICY) };
        let mut now = at(240);
        for pause in [1, 2, 4, 8, 16, 30, 30, 30] {
            assert_eq!(cache.begin(now), None);
            cache.failed(now, CHANCE);
            assert!(cache.is_failing());
            assert!(!cache.want(Some("x"), now + at(pause).mul_f32(0.999)), "{is_loaded}");
            assert_eq!(cache.begin(now), Some(at(pause)));
            now += at(pause);
        }
        assert!(cache.want(Some("x"), now));
        // With another chance it is shorter, by half at most.
        cache.begin(now);
        cache.failed(now, 0);
        assert_eq!(cache.begin(now), Some(at(15)));
    }
}

#[test]
fn a_key_that_could_not_be_looked_for_is_not_taken_for_unknown() {
    let mut cache = loaded("a", 0);
    assert!(cache.want(Some("b"), at(10)));
    assert_eq!(cache.begin(at(10)), None);
    cache.failed(at(10), CHANCE);
    fetch(&mut cache, "a", 11);
    assert!(cache.want(Some("b"), at(11)));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut cache = loaded("a", 0);
    for now in 1..500 {
        cache.loaded(set(&format!("k{now}")), None, at(now / 2));
    }
    assert_eq!(cache.keys().len(), 65);
    let many: Vec<String> = (0..100).map(|number| format!("k{number}")).collect();
    let jwks = Jwks::new(source(), POLICY);
    let loaded = jwks.loaded(set(&many.join(" ")), &HeaderMap::new(), at(0));
    assert_eq!(loaded, Loaded { keys: 64, skipped: 1, changed: true });
}

fn source() -> Source {
    Source { url: Uri::from_static("https://issuer.example/jwks?key=hunter2"), authorities: None }
}

#[test]
fn the_answer_says_how_long_it_is_fresh() {
    // (Cache-Control, Age, seconds)
    let rows = [
        ("", "", None),
        ("public, max-age=600", "", Some(600)),
        ("Max-Age=\"600\"", "100", Some(500)),
        ("max-age=60", "100", Some(0)),
        ("max-age=600, no-store", "", Some(0)),
        ("no-cache", "", Some(0)),
        ("max-age=-1", "", None),
        ("s-maxage=5", "", None),
        ("max-age=99999999999999999999999", "", None),
    ];
    for (control, age, expected) in rows {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::CACHE_CONTROL, control), (header::AGE, age)] {
            if !value.is_empty() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        assert_eq!(lifetime(&headers), expected.map(at), "{control}");
    }
}

#[test]
fn a_set_that_is_the_same_changes_nothing_and_no_query_is_shown() {
    let jwks = Jwks::new(source(), POLICY);
    let headers = HeaderMap::new();
    assert!(jwks.loaded(set("a b"), &headers, at(0)).changed);
    assert!(!jwks.loaded(set("a b"), &headers, at(1)).changed);
    assert!(jwks.loaded(set("a"), &headers, at(1)).changed);
    jwks.failed("it rains", at(2), CHANCE);
    let lines = jwks.describe();
    assert_eq!(lines[0], "https://issuer.example/jwks: it rains");
    assert_eq!(lines[1], "https://issuer.example/jwks has the key kid \"a\" for EdDSA");
    assert!(Jwks::check_algorithms(&[Algorithm::RS256, Algorithm::ES256]).is_ok());
    assert!(Jwks::check_algorithms(&[Algorithm::RS256, Algorithm::HS256]).unwrap_err().contains("public"));
}
