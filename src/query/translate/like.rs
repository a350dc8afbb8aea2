//! SQL's patterns in other tongues.

/// A text as a pattern that is that text alone.
pub(in crate::query) fn escape(text: &str) -> String {
    escaped(text, "%_\\")
}

/// A text as a regular expression that is that text alone.
pub(in crate::query) fn escape_regex(text: &str) -> String {
    escaped(text, "\\^$.|?*+()[]{}/")
}

/// A pattern as a regular expression; `None`: it ends in the middle of an escape.
pub(in crate::query) fn to_regex(pattern: &str) -> Option<String> {
    let mut regex = "^".to_owned();
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            '%' => regex.push_str("[\\s\\S]*"),
            '_' => regex.push_str("[\\s\\S]"),
            '\\' => regex.push_str(&escape_regex(chars.next()?.encode_utf8(&mut [0; 4]))),
            other => regex.push_str(&escape_regex(other.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    Some(regex)
}

fn escaped(text: &str, marks: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if marks.contains(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}
