//! The fuzz targets of `tests/fuzz`, each for a few seconds: its seeds as they are, then changed at random.
//! What is tried follows from a seed, so a failure names the seed and the input, and comes back with it.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

#[path = "../fuzz/src/lib.rs"]
#[expect(clippy::expect_used, reason = "a target panics where a promise is broken")]
mod targets;

/// Of each target, unless `RESTCAST_FUZZ_SECONDS` says otherwise.
const SECONDS: u64 = 2;
/// Unless `RESTCAST_FUZZ_SEED` says otherwise.
const SEED: u64 = 1;
/// Longer inputs only cost time.
const MAX_BYTES: usize = 4096;
const TOKENS: [&[u8]; 24] = [
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\n",
    b"\n\n",
    b"\r\n",
    b"\"",
    b"\\",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b"[[",
    b"://",
    b"..",
    b"%2F",
    b"%00",
    b"~1",
    b"-1",
    b"1e999",
    b"9007199254740993",
    b"99999999999999999999",
];

/// Random numbers that follow from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 where there is none.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % limit.max(1)
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = if self.below(4) == 0 { length - start } else { (length - start).min(8) };
        start..start + self.below(most + 1)
    }
}

/// Says what was tried when a target panics.
struct Attempt<'a> {
    name: &'a str,
    seed: u64,
    number: u64,
    input: &'a [u8],
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { name, seed, number, input } = self;
            let input = input.escape_ascii();
            drop(writeln!(std::io::stderr(), "target {name}, seed {seed}, input {number}: b\"{input}\""));
        }
    }
}

/// What `tests/fuzz/seeds` has for a target, in the order of the names.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// One seed with some changes, which follow from `random`.
fn changed(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let range = random.range(input.len());
        let at = range.start;
        match random.below(7) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = u8::try_from(random.below(256)).unwrap(),
            2 => drop(input.drain(range)),
            3 => drop(input.splice(at..at, TOKENS[random.below(TOKENS.len())].iter().copied())),
            4 => {
                let again = input[range].repeat(1 + random.below(9));
                drop(input.splice(at..at, again));
            }
            5 => {
                let other = &seeds[random.below(seeds.len())];
                drop(input.splice(range, other[random.range(other.len())].iter().copied()));
            }
            _ => input.truncate(at.max(1)),
        }
    }
    input.truncate(MAX_BYTES);
    input
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// Runs a target on its seeds, then on changed ones until its time is over.
fn fuzz(name: &str) {
    let target = targets::TARGETS.iter().find(|(known, _)| *known == name).unwrap().1;
    let seeds = seeds(name);
    let seed = number("RESTCAST_FUZZ_SEED", SEED);
    let deadline = Instant::now() + Duration::from_secs(number("RESTCAST_FUZZ_SECONDS", SECONDS));
    let attempt = |number: u64, input: &[u8]| {
        let _attempt = Attempt { name, seed, number, input };
        target(input);
    };
    for input in &seeds {
        attempt(0, input);
    }
    let mut tried = 0;
    while Instant::now() < deadline {
        tried += 1;
        attempt(tried, &changed(&seeds, &mut Random(seed.wrapping_add(tried << 32))));
    }
    assert!(tried > 0, "no time was left");
}

#[test]
fn any_body_under_any_coding_is_read_within_its_limits() {
    fuzz("body");
}

#[test]
fn any_config_loads_or_says_why_not() {
    fuzz("config");
}

#[test]
fn any_message_in_any_dialect_is_taken() {
    fuzz("dialects");
}

#[test]
fn any_exchange_gives_one_event_or_none() {
    fuzz("exchange");
}

#[test]
fn any_filter_lets_a_record_through_or_not() {
    fuzz("filter");
}

#[test]
fn any_json_is_shown_as_it_stands() {
    fuzz("json");
}

#[test]
fn any_token_under_any_keys_is_believed_only_if_it_was_signed() {
    fuzz("keys");
}

#[test]
fn any_bytes_on_a_websocket_go_on_or_end_it() {
    fuzz("websocket");
}

#[test]
fn what_is_too_long_for_a_seed_is_survived() {
    let deep = |open: &str, close: &str| [open.repeat(100_000), close.repeat(100_000)].concat();
    let bodies =
        [deep("[", "]"), deep("[", ""), deep("{\"a\":", "}"), format!("[{}1]", "1,".repeat(100_000))];
    for body in bodies {
        targets::json::run(format!("record = \"/0\"\nlist = \"/a/a\"\n\n{body}").as_bytes());
        targets::body::run(format!("\n{body}").as_bytes());
        targets::filter::run(format!("{{\"a\":1}}\n{body}").as_bytes());
        targets::filter::run(format!("{body}\n{{\"a\":{body}}}").as_bytes());
        targets::config::run(format!("a = {body}").as_bytes());
    }
    targets::config::run(format!("a{} = 1", ".a".repeat(100_000)).as_bytes());
    targets::config::run("[[route]]\n".repeat(2_000).as_bytes());
    let zeros = vec![0; 50_000_000];
    let bomb = zstd::encode_all(zeros.as_slice(), 1).unwrap();
    targets::body::run(&[b"zstd\n", bomb.as_slice()].concat());
    let twice = zstd::encode_all(bomb.as_slice(), 1).unwrap();
    targets::body::run(&[b"zstd, zstd\n", twice.as_slice()].concat());
}

#[test]
fn every_target_has_seeds_and_a_file_of_its_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _) in targets::TARGETS {
        assert!(!seeds(name).is_empty(), "{name}");
        let file = std::fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(file.contains(&format!("restcast_fuzz::{name}::run")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
