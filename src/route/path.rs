//! Request paths, brought into the form in which patterns are matched.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Stands for a slash inside one decoded segment; no path that holds it is matched.
const ENCODED_SLASH: char = '\0';
/// Ends the constant of `Authors(7)` where its key is split off; no path that holds it is matched.
pub(super) const KEY_FOLLOWS: char = '\u{1}';
/// More keys in parentheses are not looked for in one path: each doubles the ways to read it.
const MAX_KEYS: usize = 4;

/// A text holds a character that means something here.
pub(super) fn is_reserved(text: &str) -> bool {
    text.bytes().any(|byte| [ENCODED_SLASH, KEY_FOLLOWS].contains(&char::from(byte)))
}

/// Brings a request's path into the form that patterns are matched in: each segment percent-decoded, one
/// trailing slash dropped. An encoded slash stays inside its segment. `None`: no pattern can match it.
pub(super) fn normalise(path: &str) -> Option<Cow<'_, str>> {
    let path = match path.strip_suffix('/') {
        Some("") | None => path,
        Some(shorter) => shorter,
    };
    if is_reserved(path) {
        return None;
    }
    let path = if path.contains('%') {
        let segments: Option<Vec<_>> = path.split('/').map(decode).collect();
        Cow::Owned(segments?.join("/"))
    } else {
        Cow::Borrowed(path)
    };
    // The backend takes them for steps, so they are nobody's id.
    let steps = path.contains('.')
        && path.contains("/.")
        && path.split('/').any(|segment| segment == "." || segment == "..");
    (!steps).then_some(path)
}

/// What is alike for paths that differ only by letters' case, whatever way that is compared.
pub(super) fn folded(path: &str) -> String {
    if path.is_ascii() { path.to_ascii_lowercase() } else { path.to_uppercase().to_lowercase() }
}

/// A path without what its last segment has behind the last full stop; `None` where it has none.
pub(super) fn without_format(path: &str) -> Option<&str> {
    let (before, format) = path.rsplit_once('.')?;
    (!format.contains('/') && !before.ends_with('/')).then_some(before)
}

/// One segment, percent-decoded; `None` where that is no text, or text that no path may hold.
pub(super) fn decode(segment: &str) -> Option<Cow<'_, str>> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    if is_reserved(&text) {
        return None;
    }
    Some(if text.contains('/') { Cow::Owned(text.replace('/', "\0")) } else { text })
}

/// All ways to read a path in which segments may or may not hold a key in parentheses, as templates have it.
pub(super) fn readings(path: &str) -> Vec<String> {
    let mut readings = vec![String::new()];
    let mut keys = 0;
    for segment in path.split('/').skip(1) {
        let split = segment.strip_suffix(')').and_then(|rest| rest.split_once('('));
        let split =
            split.filter(|(constant, key)| !constant.is_empty() && !key.is_empty() && keys < MAX_KEYS);
        keys += usize::from(split.is_some());
        let more = split.map(|(constant, key)| {
            let add = |reading: &String| format!("{reading}/{constant}{KEY_FOLLOWS}/{key}");
            readings.iter().map(add).collect::<Vec<_>>()
        });
        for reading in &mut readings {
            reading.push('/');
            reading.push_str(segment);
        }
        readings.extend(more.into_iter().flatten());
    }
    readings
}

/// A matched parameter as the client meant it.
pub(super) fn parameter(matched: &str) -> String {
    matched.replace(ENCODED_SLASH, "/")
}
