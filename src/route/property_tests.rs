//! Matching and pointers against models that are naive enough to be read as their definition.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence::SourceParallel;

use super::tests::route;
use super::*;

const METHODS: [Method; 3] = [Method::GET, Method::POST, Method::PUT];
const PATTERN_SEGMENTS: [&str; 14] =
    ["a", "a", "b", "%61", "%C3%A9", "é", "a%2Fb", "%7Bid%7D", "*", ":a", "{id}", "{id}", "{x}", "{y}"];
const PATH_SEGMENTS: [&str; 23] = [
    "a", "a", "b", "b", "7", "%61", "%C3%A9", "é", "a%2Fb", "%2f", "%", "%4", "%zz", "%FF", "%00", "\0", "",
    ".", "%2e.", "...", "*", ":a", "{id}",
];

/// A route as it is written: its pattern, its methods, and whether its reads give events.
type Written = (String, Vec<Method>, bool);

fn routes() -> impl Strategy<Value = Vec<Written>> {
    let path =
        prop::collection::vec(select(&PATTERN_SEGMENTS[..]), 1..4).prop_map(|s| format!("/{}", s.join("/")));
    let path = path.prop_filter("a pattern", |path| Pattern::parse(path).is_ok());
    let methods = prop::sample::subsequence(&METHODS[1..], 1..3);
    prop::collection::vec((path, methods, any::<bool>()), 1..6)
}

fn paths() -> impl Strategy<Value = String> {
    let path =
        (select(&["/", "/", "/", "/", ""][..]), prop::collection::vec(select(&PATH_SEGMENTS[..]), 0..5));
    (path, select(&["", "", "/", "//"][..]))
        .prop_map(|((start, s), end)| format!("{start}{}{end}", s.join("/")))
}

fn built(written: &[Written]) -> Routes {
    let build = |(number, (path, methods, reads)): (usize, &Written)| {
        let mut route = route(path, &number.to_string());
        (route.methods, route.publish_reads) = (methods.clone(), *reads);
        route
    };
    Routes::new(written.iter().enumerate().map(build).collect()).unwrap()
}

/// Percent-decoding by hand; `None` where it is not UTF-8, or holds what no route can.
fn decoded(segment: &str) -> Option<String> {
    let bytes = segment.as_bytes();
    let mut at = 0;
    let mut decoded = Vec::new();
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if let Some(byte) = code.filter(|_| bytes[at] == b'%').map(|hex| u8::from_str_radix(hex, 16).unwrap())
        {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).ok().filter(|text| !text.contains('\0'))
}

/// Tries every route and picks by specificity, spelled out: (number, id, tapped).
fn model(written: &[Written], method: &Method, path: &str) -> Option<(usize, Option<String>, bool)> {
    let path = path.strip_suffix('/').filter(|shorter| !shorter.is_empty()).unwrap_or(path);
    let path: Vec<String> = path.strip_prefix('/')?.split('/').map(decoded).collect::<Option<_>>()?;
    if path.iter().any(|segment| segment == "." || segment == "..") {
        return None;
    }
    let mut candidates = Vec::new();
    for (number, (pattern, methods, reads)) in written.iter().enumerate() {
        let tapped = methods.contains(method) || (*reads && *method == Method::GET);
        let item: Vec<&str> = pattern.split('/').skip(1).collect();
        let id = item.iter().position(|segment| *segment == "{id}");
        if let Some(shape) = shape(&item, &path) {
            candidates.push((shape, false, number, id.map(|at| path[at].clone()), tapped));
        }
        if item.len() > 1
            && item.last() == Some(&"{id}")
            && let Some(shape) = shape(&item[..item.len() - 1], &path)
        {
            candidates.push((shape, true, number, None, tapped));
        }
    }
    candidates.sort();
    let best = candidates.first()?.0.clone();
    candidates.retain(|(shape, ..)| *shape == best);
    let chosen = candidates.iter().find(|(.., tapped)| *tapped).unwrap_or(&candidates[0]);
    Some((chosen.2, chosen.3.clone(), chosen.4))
}

/// Which segments of a matching pattern are parameters.
fn shape(pattern: &[&str], path: &[String]) -> Option<Vec<bool>> {
    if pattern.len() != path.len() {
        return None;
    }
    let segment = |(pattern, segment): (&&str, &String)| match pattern.strip_prefix('{') {
        Some(_) => (!segment.is_empty()).then_some(true),
        None => (decoded(pattern).as_ref() == Some(segment)).then_some(false),
    };
    pattern.iter().zip(path).map(segment).collect()
}

/// RFC 6901, section 3: after each `/` any characters, and `~` only before 0 and 1.
fn pointer_model(text: &str) -> Option<Vec<String>> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        match next {
            '/' => tokens.push(String::new()),
            '~' => tokens.last_mut()?.push(match rest.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            }),
            other => tokens.last_mut()?.push(other),
        }
    }
    Some(tokens)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: Some(Box::new(SourceParallel("tests/regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn matching_does_what_a_naive_model_does(
        written in routes(),
        paths in prop::collection::vec(paths(), 1..20),
        method in select(&METHODS[..]),
    ) {
        let routes = built(&written);
        for path in paths {
            let found = routes.classify(&method, &path).map(|m| (m.index, m.id, m.tapped));
            prop_assert_eq!(found, model(&written, &method, &path), "{} {:?}", method, path);
        }
    }

    #[test]
    fn pointers_are_read_as_their_grammar_says(text in "[/~01ab]{0,6}") {
        let read = Pointer::parse(&text).ok();
        let tokens = read.map(|pointer| pointer.tokens().map(ToOwned::to_owned).collect::<Vec<_>>());
        prop_assert_eq!(tokens, pointer_model(&text), "{}", text);
    }
}

#[test]
fn a_tilde_that_escapes_nothing_was_taken_for_itself() {
    for text in ["/~", "/a~", "/~2", "/a/~/b", "/~~0"] {
        let error = Pointer::parse(text).unwrap_err();
        assert!(error.contains("~0"), "{text}: {error}");
    }
    assert!(Pointer::parse("/~0~1/~01").is_ok());
}
