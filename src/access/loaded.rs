//! What readers have loaded by GETs of their own: for whoever shows it, that it is gone is news.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::{Answer, Credentials, Keys};
use crate::recent::Recent;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Loaded {
    /// When the last GET began that showed a record to a holder of credentials.
    shown: Recent<u128, Duration>,
}

impl Loaded {
    pub(super) fn new(remembered: usize) -> Self {
        Self { shown: Recent::new(remembered) }
    }

    /// What a GET said that began at `began`; a refusal forgets what was shown before.
    pub(super) fn note(&mut self, load: u128, answer: Answer, began: Duration) {
        let last = self.at(load);
        match answer {
            Answer::Seen => {
                self.shown.insert(load, last.map_or(began, |last| last.max(began)));
            }
            Answer::Hidden if last.is_some_and(|last| last <= began) => self.shown.remove(&load),
            Answer::Hidden | Answer::Unclear => {}
        }
    }

    /// Forgets all of it.
    pub(super) fn clear(&mut self) {
        self.shown.clear();
    }

    /// When the GET began by which the record was loaded.
    pub(super) fn at(&self, load: u128) -> Option<Duration> {
        self.shown.get(&load).copied()
    }
}

/// The name of a record for a holder of credentials. However its path is spelt: a list does not say how the
/// client would, and a slash at the end is no other record.
pub(super) fn key(keys: &Keys, who: &Credentials, record: &str) -> u128 {
    let record = record.strip_suffix('/').unwrap_or(record);
    let segments: Vec<Vec<u8>> = record.split('/').map(|text| percent_decode_str(text).collect()).collect();
    keys.of(&(who.holder(), segments))
}
