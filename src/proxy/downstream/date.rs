//! pingora puts its own `Date` on every answer. A backend's date is put back here, where the head of the
//! answer leaves.

use std::sync::{Mutex, PoisonError};

use http::HeaderValue;

/// How pingora begins its date.
const DATE: &[u8] = b"\r\nDate: ";
/// How an answer begins, and an interim one.
const ANSWER: &[u8] = b"HTTP/1.1 ";
const INTERIM: &[u8] = b"HTTP/1.1 1";

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Date {
    date: Mutex<Option<HeaderValue>>,
    /// What is left of a head that got its date back.
    head: Vec<u8>,
}

impl Date {
    /// The head that leaves next gets this date.
    pub(super) fn set(&self, date: &HeaderValue) {
        *self.date.lock().unwrap_or_else(PoisonError::into_inner) = Some(date.clone());
    }

    /// What is to be written in place of `bytes`, as many of them: the writer counts its own bytes, so a
    /// date must fit into the place of the other. It does if both have the usual form (RFC 9110, section
    /// 5.6.7).
    pub(super) fn restore<'a>(&'a mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.head.is_empty() {
            self.replace(bytes);
        }
        if self.head.is_empty() { bytes } else { &self.head }
    }

    fn replace(&mut self, bytes: &[u8]) {
        // Interim answers, which have no date, may leave before the one that it belongs to.
        if !bytes.starts_with(ANSWER) || bytes.starts_with(INTERIM) {
            return;
        }
        // A date that finds no place is dropped: the next head is another answer's.
        let date = self.date.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(date) = date.take() else { return };
        let Some(before) = memchr::memmem::find(bytes, DATE) else { return };
        let mut head = bytes.to_vec();
        let place = head.get_mut(before + DATE.len()..).and_then(|rest| rest.get_mut(..=date.len()));
        if let Some([place @ .., b'\r']) = place {
            place.copy_from_slice(date.as_bytes());
            self.head = head;
        }
    }

    /// So many bytes of what was restored have left.
    pub(super) fn written(&mut self, count: usize) {
        let count = count.min(self.head.len());
        self.head.drain(..count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n";
    const THEIRS: &str = "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

    /// Writes `parts` one after another, a few bytes at a time.
    fn written(date: &mut Date, parts: &[&str]) -> String {
        let mut written = Vec::new();
        for part in parts {
            let mut rest = part.as_bytes();
            while !rest.is_empty() {
                let out = date.restore(rest);
                assert_eq!(out.len(), rest.len());
                let count = out.len().min(7);
                written.extend_from_slice(&out[..count]);
                date.written(count);
                rest = &rest[count..];
            }
        }
        String::from_utf8(written).unwrap()
    }

    fn backends() -> Date {
        let date = Date::default();
        date.set(&HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        date
    }

    #[test]
    fn a_date_is_put_back_once_and_in_the_head() {
        let (head, body) = (format!("HTTP/1.1 200 OK{OURS}\r\n"), format!("body{OURS}"));
        let expected = format!("HTTP/1.1 200 OK{THEIRS}\r\n{body}{head}");
        assert_eq!(written(&mut backends(), &[&head, &body, &head]), expected);
    }

    #[test]
    fn a_date_waits_for_the_head_behind_an_interim_one() {
        let (interim, head) = ("HTTP/1.1 103 Early Hints\r\n\r\n", format!("HTTP/1.1 200 OK{OURS}\r\n"));
        let expected = format!("{interim}HTTP/1.1 200 OK{THEIRS}\r\n");
        assert_eq!(written(&mut backends(), &[interim, &head]), expected);
    }

    #[test]
    fn a_date_that_found_no_place_is_not_put_on_a_later_answer() {
        let (bare, head) = ("HTTP/1.1 200 OK\r\n\r\n", format!("HTTP/1.1 200 OK{OURS}\r\n"));
        assert_eq!(written(&mut backends(), &[bare, &head]), format!("{bare}{head}"));
    }
}
