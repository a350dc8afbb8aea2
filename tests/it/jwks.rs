//! Tokens of issuers that publish their keys: fetched, rotated, gone and back. Keys and tokens in
//! `tests/tokens/published.json` are another implementation's.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

use crate::frames::handshake;
use crate::harness::*;
use crate::tls::{AUTHORITY, serve_tls};

const PUBLISHED: &str = include_str!("../tokens/published.json");
const ENDPOINT: &str = "[[endpoint]]\npath = \"/ws\"\ndialect = \"flarchitect\"\nauth = \"required\"\n";
const ALGORITHMS: &str = r#"["RS256", "PS256", "ES256", "EdDSA"]"#;

fn published(kind: &str, name: &str) -> Value {
    let all: Value = serde_json::from_str(PUBLISHED).unwrap();
    assert!(!all[kind][name].is_null(), "{kind} {name}");
    all[kind][name].clone()
}

fn token(name: &str) -> String {
    published("tokens", name).as_str().unwrap().to_owned()
}

fn document(kids: &[&str]) -> String {
    let keys: Vec<Value> = kids.iter().map(|kid| published("keys", kid)).collect();
    json!({ "keys": keys }).to_string()
}

/// What an issuer answers.
#[derive(Clone, Copy)]
enum Mood {
    Publishes(&'static [&'static str]),
    Fails,
    HangsUp,
    /// Until its mood changes.
    Hesitates,
}

/// Answers as it is told to, request by request.
struct Issuer {
    origin: Origin,
    mood: Arc<(Mutex<Mood>, Condvar)>,
}

impl Issuer {
    fn start(mood: Mood) -> Self {
        let mood = Arc::new((Mutex::new(mood), Condvar::new()));
        let current = Arc::clone(&mood);
        let origin = Origin::start(move |_, stream| {
            let (mood, changed) = &*current;
            let waits = |mood: &mut Mood| matches!(mood, Mood::Hesitates);
            let mood = *changed.wait_while(mood.lock().unwrap(), waits).unwrap();
            answer(mood, stream)
        });
        Self { origin, mood }
    }

    fn become_(&self, mood: Mood) {
        *self.mood.0.lock().unwrap() = mood;
        self.mood.1.notify_all();
    }

    fn url(&self) -> String {
        format!("http://{}/jwks", self.origin.address)
    }

    fn fetches(&self) -> usize {
        self.origin.requests().len()
    }
}

fn answer(mood: Mood, stream: &mut TcpStream) -> bool {
    let (status, body) = match mood {
        Mood::Publishes(kids) => (200, document(kids)),
        Mood::Fails | Mood::Hesitates => (500, "{\"keys\":[]}".to_owned()),
        Mood::HangsUp => return false,
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}").is_ok()
}

fn table(url: &str, cache: &str, more: &str) -> String {
    format!(
        "[[auth.jwt]]\nalgorithms = {ALGORITHMS}\njwks_url = \"{url}\"\njwks_cache = \"{cache}\"\n{more}\n"
    )
}

/// In front of nothing: only its endpoint counts here.
fn proxy(tables: &str) -> Proxy {
    Proxy::with(free_address(), &format!("{AUTHOR_ROUTE}{ENDPOINT}{tables}"))
}

/// With the first keys there already.
fn with(issuer: &Issuer, cache: &str) -> Proxy {
    let proxy = proxy(&table(&issuer.url(), cache, ""));
    fetched(&proxy, "ok");
    proxy
}

fn fetched(proxy: &Proxy, outcome: &str) {
    let series = format!("restcast_jwks_fetches_total{{outcome=\"{outcome}\"}}");
    eventually(&series, || (proxy.metric(&series) > 0.0).then_some(()));
}

fn refused(proxy: &Proxy, reason: &str) -> f64 {
    proxy.metric(&format!("restcast_auth_failures_total{{reason=\"{reason}\"}}"))
}

/// Sends a handshake; the answer is to be read.
fn begin(address: SocketAddr, token: &str) -> BufReader<TcpStream> {
    let mut stream = connect(address);
    stream.write_all(handshake(address, &format!("/ws?token={token}")).as_bytes()).unwrap();
    BufReader::new(stream)
}

/// Status and Retry-After of the answer.
fn end(mut stream: BufReader<TcpStream>) -> (u16, Option<String>) {
    let (line, headers) = read_head(&mut stream);
    let after = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    (line[9..12].parse().unwrap(), after.map(|(_, value)| value.clone()))
}

fn status(proxy: &Proxy, token: &str) -> u16 {
    end(begin(proxy.address, token)).0
}

/// A token with this header, and nothing that proves it.
fn unproven(header: &Value) -> String {
    let claims = json!({"sub": "alice", "iss": "https://issuer.example", "exp": 4_000_000_000_u64});
    let [header, claims] = [header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([1; 256]))
}

fn with_kid(kid: &str) -> String {
    unproven(&json!({"alg": "RS256", "kid": kid}))
}

#[test]
fn tokens_of_every_kind_of_key_are_accepted() {
    let issuer = Issuer::start(Mood::Publishes(&["rsa", "rsa-ps", "p256", "ed"]));
    let proxy = with(&issuer, "5m");
    for name in ["rsa RS256", "rsa PS256", "rsa-ps PS256", "p256 ES256", "ed EdDSA", "no kid EdDSA"] {
        assert_eq!(status(&proxy, &token(name)), 101, "{name}");
    }
    assert_eq!(issuer.fetches(), 1);
    let [request] = &issuer.origin.requests()[..] else { panic!() };
    assert_eq!(request.line, "GET /jwks HTTP/1.1");
}

#[test]
fn keys_of_one_kind_are_not_taken_for_another() {
    let issuer = Issuer::start(Mood::Publishes(&["rsa", "rsa-ps", "p256"]));
    let proxy = with(&issuer, "10m");
    let key = published("keys", "rsa");
    // Everybody knows the public key; a verifier that takes it for a secret would accept this.
    let forge = |secret: &[u8]| {
        let token = unproven(&json!({"alg": "HS256", "kid": "rsa"}));
        let message = token.rsplit_once('.').unwrap().0;
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
    };
    let modulus = key["n"].as_str().unwrap();
    let rows = [
        (forge(key.to_string().as_bytes()), "algorithm"),
        (forge(modulus.as_bytes()), "algorithm"),
        (forge(&URL_SAFE_NO_PAD.decode(modulus).unwrap()), "algorithm"),
        (unproven(&json!({"alg": "none", "kid": "rsa"})), "algorithm"),
        (unproven(&json!({"alg": "RS256", "kid": "p256"})), "algorithm"),
        (unproven(&json!({"alg": "ES256", "kid": "rsa"})), "algorithm"),
        (token("rsa-ps RS256"), "algorithm"),
        (token("rsa RS512"), "algorithm"),
        (token("stranger as rsa RS256"), "signature"),
        (unproven(&json!({"alg": "RS256", "kid": "rsa", "jwk": published("keys", "stranger")})), "signature"),
        (unproven(&json!({"alg": "RS256", "kid": "rsa", "jku": issuer.url()})), "signature"),
    ];
    for (token, reason) in rows {
        let before = refused(&proxy, reason);
        assert_eq!(status(&proxy, &token), 401, "{token}");
        assert_eq!(refused(&proxy, reason), before + 1.0, "{token}");
    }
    assert_eq!(issuer.fetches(), 1, "none of them is worth a question");
}

#[test]
fn a_rotated_key_is_found_at_once_and_the_old_one_counts_through_the_overlap() {
    let issuer = Issuer::start(Mood::Publishes(&["rsa"]));
    let proxy = with(&issuer, "4s");
    assert_eq!(status(&proxy, &token("rsa RS256")), 101);
    issuer.become_(Mood::Publishes(&["p256"]));
    let before = issuer.fetches();
    assert_eq!(status(&proxy, &token("p256 ES256")), 101);
    let begun = Instant::now();
    assert_eq!(issuer.fetches(), before + 1);
    assert_eq!(status(&proxy, &token("rsa RS256")), 101);
    eventually("the overlap ends", || (status(&proxy, &token("rsa RS256")) == 401).then_some(()));
    assert!(begun.elapsed().as_secs_f64() > 3.5, "{:?}", begun.elapsed());
    assert!(refused(&proxy, "unknown_key") > 0.0);
    assert_eq!(status(&proxy, &token("p256 ES256")), 101);
}

#[test]
fn keys_are_fetched_anew_without_anybody_asking() {
    let issuer = Issuer::start(Mood::Publishes(&["rsa"]));
    let proxy = with(&issuer, "1s");
    eventually("another fetch", || (issuer.fetches() >= 3).then_some(()));
    proxy.process.line("the keys of an issuer have changed");
    let told = proxy.process.output().matches("have changed").count();
    assert_eq!(told, 1, "the same keys are no news");
}

#[test]
fn a_hundred_tokens_of_one_unknown_key_cause_one_fetch() {
    let issuer = Issuer::start(Mood::Publishes(&["rsa"]));
    let proxy = with(&issuer, "5m");
    issuer.become_(Mood::Hesitates);
    let token = token("p256 ES256");
    let waiting: Vec<_> = (0..100).map(|_| begin(proxy.address, &token)).collect();
    eventually("the fetch", || (issuer.fetches() == 2).then_some(()));
    // Whoever has a known key does not wait with them.
    assert_eq!(status(&proxy, &self::token("rsa RS256")), 101);
    issuer.become_(Mood::Publishes(&["rsa", "p256"]));
    for stream in waiting {
        assert_eq!(end(stream), (101, None));
    }
    assert_eq!(issuer.fetches(), 2);
}

#[test]
fn a_flood_of_made_up_keys_causes_one_fetch_in_an_interval() {
    let issuer = Issuer::start(Mood::Publishes(&["rsa"]));
    let proxy = with(&issuer, "5m");
    let waiting: Vec<_> =
        (0..200).map(|number| begin(proxy.address, &with_kid(&format!("made-up-{number}")))).collect();
    for stream in waiting {
        assert_eq!(end(stream), (401, None));
    }
    assert_eq!(status(&proxy, &token("stranger without kid RS256")), 401);
    assert_eq!(status(&proxy, &with_kid(&"k".repeat(1000))), 401);
    assert_eq!(issuer.fetches(), 2);
    assert_eq!(refused(&proxy, "unknown_key"), 202.0);
    assert_eq!(status(&proxy, &token("rsa RS256")), 101);
}

#[test]
fn while_an_issuer_is_down_tokens_get_503_and_afterwards_they_pass() {
    for mood in [Mood::Fails, Mood::HangsUp] {
        let issuer = Issuer::start(mood);
        let proxy = proxy(&table(&issuer.url(), "10s", ""));
        fetched(&proxy, "failed");
        assert_eq!(end(begin(proxy.address, &token("rsa RS256"))), (503, Some("5".to_owned())));
        assert!(refused(&proxy, "keys") > 0.0);
        // What is wrong whatever the keys are is said all the same.
        assert_eq!(status(&proxy, &token("expired stranger RS256")), 401);
        issuer.become_(Mood::Publishes(&["rsa"]));
        eventually("recovery", || (status(&proxy, &token("rsa RS256")) == 101).then_some(()));
        // The keys that are known go on counting; of others nothing can be said.
        issuer.become_(mood);
        eventually("the next failure", || (status(&proxy, &with_kid("new")) == 503).then_some(()));
        assert_eq!(status(&proxy, &token("rsa RS256")), 101);
        let line = proxy.process.line("cannot fetch the keys of an issuer");
        assert!(line.contains(&issuer.url()), "{line}");
    }
}

#[test]
fn the_start_does_not_wait_for_an_issuer_and_a_token_not_for_ever() {
    let issuer = Issuer::start(Mood::Hesitates);
    let origin = Origin::json(200, "[]");
    let tables = format!("{AUTHOR_ROUTE}{ENDPOINT}{}", table(&issuer.url(), "5m", ""));
    let mut proxy = Proxy::with(origin.address, &tables);
    let waiting = begin(proxy.address, &token("rsa RS256"));
    assert_eq!(proxy.get("/api/authors").status, 200);
    assert_eq!(end(waiting), (503, Some("5".to_owned())));
    // The end does not wait either.
    proxy.process.signal("TERM");
    assert!(proxy.process.wait().success());
}

#[test]
fn each_issuer_of_several_speaks_for_itself() {
    let published = Issuer::start(Mood::Publishes(&["rsa"]));
    let dead = format!("http://{}/", free_address());
    let secret = "a secret of more than thirty-two bytes";
    let tables = [
        table(&dead, "5m", "issuer = \"https://dead.example\""),
        table(&published.url(), "5m", "issuer = \"https://issuer.example\""),
        format!(
            "[[auth.jwt]]\nalgorithms = [\"HS256\"]\nsecret = \"{secret}\"\nissuer = \"https://local.example\"\n"
        ),
    ];
    let proxy = proxy(&tables.concat());
    fetched(&proxy, "ok");
    fetched(&proxy, "failed");
    let made = restcast().args(["token", "--sub", "bob", "--config"]).arg(&proxy.config).output().unwrap();
    let made = String::from_utf8(made.stdout).unwrap();
    assert_eq!(status(&proxy, made.trim()), 101);
    assert_eq!(status(&proxy, &token("rsa RS256")), 101);
    assert_eq!(status(&proxy, &token("stranger RS256")), 401);
    let claims =
        URL_SAFE_NO_PAD.encode(json!({"iss": "https://dead.example", "sub": "a", "exp": 4e9}).to_string());
    let of_the_dead = format!("{}.{claims}.AAAA", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"rsa"}"#));
    assert_eq!(status(&proxy, &of_the_dead), 503);
    let nobodys = token("rsa RS256").split('.').nth(1).map(|_| unproven(&json!({"alg": "HS256"}))).unwrap();
    assert_eq!(status(&proxy, &nobodys), 401);
    assert_eq!(published.fetches(), 2, "one for the stranger's key");
}

#[test]
fn keys_come_over_https_from_whom_the_authorities_vouch_for() {
    let address = serve_tls(|stream| {
        drop(read_head(&mut BufReader::new(&mut *stream)));
        let body = document(&["ed"]);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        drop(stream.write_all(format!("{head}{body}").as_bytes()));
    });
    let folder = Folder::new();
    let file = folder.write("ca.pem", AUTHORITY);
    let url = format!("https://localhost:{}/jwks", address.port());
    let trusting = proxy(&table(&url, "5m", &format!("jwks_ca_file = \"{}\"", file.display())));
    fetched(&trusting, "ok");
    assert_eq!(status(&trusting, &token("ed EdDSA")), 101);
    let strict = proxy(&table(&url, "5m", ""));
    fetched(&strict, "failed");
    assert_eq!(status(&strict, &token("ed EdDSA")), 503);
    assert!(strict.process.line("cannot fetch the keys").contains("UnknownIssuer"));
}

#[test]
fn the_command_line_says_what_a_token_is_worth_and_which_keys_there_are() {
    let issuer = Issuer::start(Mood::Publishes(&["rsa", "rsa-ps"]));
    let failing = Issuer::start(Mood::Fails);
    let dead = format!("http://{}/jwks?key=hunter2", free_address());
    let url = issuer.url();
    // (URL, token, what is said)
    let rows: &[(&str, String, &[&str])] = &[
        (&url, token("rsa RS256"), &["accepted\n  user    alice"]),
        (
            &url,
            token("stranger RS256"),
            &[
                "refused: none of the keys that its issuer publishes fits the token",
                "the token names the key \"stranger\"",
                "has the key kid \"rsa-ps\" for PS256",
            ],
        ),
        (
            &url,
            token("stranger without kid RS256"),
            &["the token names no key", "kid \"rsa\" for RS256, RS384"],
        ),
        (&url, token("rsa-ps RS256"), &["algorithm is not allowed", "kid \"rsa-ps\" for PS256"]),
        (&url, token("rsa RS512"), &["algorithm is not allowed"]),
        (&url, token("stranger as rsa RS256"), &["signature is wrong"]),
        (&url, token("expired stranger RS256"), &["has expired"]),
        (&dead, token("rsa RS256"), &["are not available", "/jwks: cannot connect", "Connection refused"]),
        (&failing.url(), token("rsa RS256"), &["are not available", "status 500, not 200"]),
    ];
    for (url, token, expected) in rows {
        let folder = Folder::new();
        let upstream = "[upstream]\nservers = [\"http://127.0.0.1:9\"]\n";
        let config = format!("{upstream}{}{}", tables(), table(url, "5m", ""));
        let config = folder.write("proxy.toml", config);
        let output = restcast().args(["token", "--check", token, "--config"]).arg(config).output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        for part in *expected {
            assert!(said.contains(part), "{part:?} is not in {said}");
        }
        assert_eq!(output.status.success(), said.starts_with("accepted"));
        assert!(!said.contains("hunter2") && !said.contains(token.as_str()), "{said}");
    }
    // What is refused whatever the keys are is refused without asking.
    assert_eq!(issuer.fetches(), 5);
}
