//! pingora puts its own `Date` on every answer. A backend's date is put back here, where the head of the
//! answer leaves.

use std::sync::{Mutex, PoisonError};

use http::HeaderValue;

/// How pingora begins its date.
const DATE: &[u8] = b"\r\nDate: ";

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

    /// What is to be written in place of `bytes`, as many of them. They are taken for a head if a date
    /// waits for one and fits into it: the length must stay, since the writer counts its own bytes. It does
    /// if both dates have the usual form (RFC 9110, section 5.6.7).
    pub(super) fn restore<'a>(&'a mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.head.is_empty() {
            self.replace(bytes);
        }
        if self.head.is_empty() { bytes } else { &self.head }
    }

    fn replace(&mut self, bytes: &[u8]) {
        let Some(date) = self.date.get_mut().unwrap_or_else(PoisonError::into_inner) else { return };
        let Some(before) = memchr::memmem::find(bytes, DATE) else { return };
        let mut head = bytes.to_vec();
        let place = head.get_mut(before + DATE.len()..).and_then(|rest| rest.get_mut(..=date.len()));
        if let Some([place @ .., b'\r']) = place {
            place.copy_from_slice(date.as_bytes());
            self.head = head;
        }
        *self.date.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// So many bytes of what was restored have left.
    pub(super) fn written(&mut self, count: usize) {
        let count = count.min(self.head.len());
        self.head.drain(..count);
    }
}
