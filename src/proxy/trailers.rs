//! Trailers of chunked answers (RFC 9112, section 7.1.2). pingora reads past them without a word, so the
//! connection to the backend keeps the last bytes that were read: the end of an answer is among them.

use std::sync::{Mutex, PoisonError};

use http::{HeaderName, HeaderValue};

use super::hop;

/// Trailers that take more are left out.
const LIMIT: usize = 4096;

/// The last bytes that came over a connection.
#[derive(Debug, Default)]
pub(super) struct Tail(Mutex<Vec<u8>>);

impl Tail {
    /// Keeps what was read.
    pub(super) fn push(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = bytes.get(bytes.len().saturating_sub(LIMIT)..).unwrap_or_default();
        let surplus = (tail.len() + bytes.len()).saturating_sub(LIMIT);
        tail.drain(..surplus);
        tail.extend_from_slice(bytes);
    }

    /// The lines behind the last chunk of the answer that has just ended, each with its end; but none that
    /// would speak of a connection or of where a message ends (RFC 9110, section 6.5.1).
    pub(super) fn trailers(&self) -> Option<Vec<u8>> {
        let tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = trailers(&tail)?.split_inclusive(|byte| *byte == b'\n');
        let kept: Vec<u8> = lines.filter(|line| may_be_trailer(line)).flatten().copied().collect();
        (!kept.is_empty()).then_some(kept)
    }
}

/// Goes back line by line to the last chunk. No trailer looks like one: it has a colon behind its name.
fn trailers(tail: &[u8]) -> Option<&[u8]> {
    let lines = tail.strip_suffix(b"\r\n")?;
    let mut start = lines.len();
    loop {
        let line_end = lines.get(..start)?.strip_suffix(b"\r\n")?;
        // A line without an end before it was cut: whatever it looks like, there is more in front of it.
        let line_start = memchr::memmem::rfind(line_end, b"\r\n")? + 2;
        let line = line_end.get(line_start..)?;
        if is_last_chunk(line) {
            return lines.get(start..).filter(|lines| !lines.is_empty());
        }
        if !is_field(line) {
            return None;
        }
        start = line_start;
    }
}

/// A size of nothing, with or without extensions.
fn is_last_chunk(line: &[u8]) -> bool {
    let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    !size.is_empty() && size.iter().all(|byte| *byte == b'0')
}

fn may_be_trailer(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    HeaderName::from_bytes(name).is_ok_and(|name| !hop::frames_or_connects(&name))
}

fn is_field(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let (name, value) = line.split_at(colon);
    HeaderName::from_bytes(name).is_ok() && HeaderValue::from_bytes(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tail: &str, expected: Option<&str>) {
        let found = trailers(tail.as_bytes()).map(|found| std::str::from_utf8(found).unwrap());
        assert_eq!(found, expected, "{tail:?}");
    }

    #[test]
    fn trailers_are_what_follows_the_last_chunk() {
        check("2\r\nok\r\n0\r\nX-A: 1\r\nx-b:\r\n\r\n", Some("X-A: 1\r\nx-b:\r\n"));
        check("2\r\nok\r\n000;a=\"b:c\"\r\nX-A: 1\r\n\r\n", Some("X-A: 1\r\n"));
        check("\r\n0\r\nX-A: 1\r\n\r\n", Some("X-A: 1\r\n"));
        check("5\r\n0\r\n\r\n\r\n0\r\nX-A: 0\r\n\r\n", Some("X-A: 0\r\n"));
    }

    #[test]
    fn a_trailer_that_speaks_of_the_connection_is_left_out() {
        let tail = Tail::default();
        tail.push(b"\r\n0\r\nX-A: 1\r\nContent-Length: 5\r\nconnection: close\r\nX-B: 2\r\n\r\n");
        assert_eq!(tail.trailers().as_deref(), Some(&b"X-A: 1\r\nX-B: 2\r\n"[..]));
        tail.push(b"0\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(tail.trailers(), None);
    }

    #[test]
    fn what_is_no_trailer_gives_none() {
        for tail in [
            "",
            "\r\n",
            "0\r\n\r\n",
            "2\r\nok\r\n0\r\n\r\n",
            "2\r\nok\r\n0\r\nX-A: 1\r\n",
            "2\r\nok\r\n0\r\nno colon\r\n\r\n",
            "2\r\nok\r\n0\r\nX A: 1\r\n\r\n",
            "2\r\nok\r\n0\r\nX-A: \u{1}\r\n\r\n",
            "2\r\nok\r\n0\r\nX-A: 1\nX-B: 2\r\n\r\n",
            // Cut: the last chunk was too long ago.
            "1\r\nX-B: 2\r\n\r\n",
            "X-B: 2\r\n\r\n",
            // Cut: the end of a trailer's value that looks like the last chunk.
            "0\r\nX-B: 2\r\n\r\n",
        ] {
            check(tail, None);
        }
    }

    #[test]
    fn a_tail_keeps_the_end_of_what_was_read() {
        let tail = Tail::default();
        let whole = [b"x".repeat(LIMIT * 2).as_slice(), b"\r\n0\r\nX-A: 1\r\n\r\n"].concat();
        for size in [1, 7, LIMIT - 1, LIMIT, LIMIT + 1, whole.len()] {
            whole.chunks(size).for_each(|bytes| tail.push(bytes));
            assert_eq!(tail.trailers().as_deref(), Some(&b"X-A: 1\r\n"[..]), "{size}");
            assert_eq!(tail.0.lock().unwrap().len(), LIMIT);
        }
    }
}
