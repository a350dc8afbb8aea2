//! Bytes written as text in the tables: `\xFF` is one byte, `<x*6000>` repeats what stands before the star,
//! `<noise*6000>` is that many hex digits in which no coding finds a pattern.

pub fn bytes(text: &str) -> Vec<u8> {
    let text = repeated(text);
    let mut bytes = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        let (digits, after) = after.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("\\x{digits} is no byte")));
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn repeated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, what, times, after)) = next_repetition(rest) {
        out.push_str(before);
        out.push_str(&if what == "noise" { noise(times) } else { what.repeat(times) });
        rest = after;
    }
    out + rest
}

fn next_repetition(text: &str) -> Option<(&str, &str, usize, &str)> {
    for (begin, _) in text.match_indices('<') {
        let inside = &text[begin + 1..];
        let found = inside.find('>').and_then(|end| {
            let (what, times) = inside[..end].rsplit_once('*')?;
            Some((&text[..begin], what, times.parse().ok()?, &inside[end + 1..]))
        });
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The same digits every time (xorshift), so that a row is the same row tomorrow.
fn noise(digits: usize) -> String {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from_digit((state >> 60) as u32, 16).unwrap_or('0')
    };
    (0..digits).map(|_| next()).collect()
}
