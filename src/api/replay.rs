//! Requests that say which one they are (`Idempotency-Key`): the same one is done once, and answered alike.
//!
//! What was done is remembered for ten minutes, up to a bound; past it the oldest is forgotten, and would be
//! done again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use ring::digest;

use super::fault::{Code, Fault};

const HEADER: &str = "idempotency-key";
/// The longest key.
const MAX_KEY_BYTES: usize = 255;
/// Requests that are remembered; some four megabytes.
const MAX_REMEMBERED: usize = 16_384;
/// For so long.
const REMEMBERED: Duration = Duration::from_mins(10);

/// A hash of everything that makes two requests the same.
type Name = [u8; digest::SHA256_OUTPUT_LEN];

/// Which request it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// Who asks.
    pub(super) caller: &'a str,
    pub(super) method: &'a Method,
    /// With its query.
    pub(super) target: &'a str,
    pub(super) body: &'a Bytes,
}

/// What was done, and is being done.
#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Name, Entry>,
    /// Oldest first, with the number of its entry: another may have taken its place.
    order: VecDeque<(Name, u64)>,
    number: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    since: Duration,
    body: Name,
    /// `None`: it is being done.
    answer: Option<Bytes>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Turn {
    /// It is to be done.
    First(Pending),
    /// It was done, with this answer.
    Done(Bytes),
}

/// A request that is being done. Dropped without an answer, it was not.
#[derive(Debug)]
pub(super) struct Pending {
    replays: Arc<Replays>,
    name: Name,
    number: u64,
}

impl Replays {
    /// Looks a request up; `None`: it does not say which one it is.
    pub(super) fn begin(
        self: &Arc<Self>,
        headers: &HeaderMap,
        request: Request<'_>,
        uptime: Duration,
    ) -> Result<Option<Turn>, Fault> {
        let Some(key) = key(headers)? else { return Ok(None) };
        let Request { caller, method, target, body } = request;
        let name = hash(&[caller.as_bytes(), method.as_str().as_bytes(), target.as_bytes(), key]);
        let body = hash(&[body]);
        let mut table = self.lock();
        table.forget(uptime);
        if let Some(entry) = table.entries.get(&name) {
            return match &entry.answer {
                _ if entry.body != body => {
                    Err(Fault::new(Code::KeyReused, "this Idempotency-Key came with another body before"))
                }
                Some(answer) => Ok(Some(Turn::Done(answer.clone()))),
                None => {
                    Err(Fault::new(Code::InProgress, "the request of this Idempotency-Key is being done"))
                }
            };
        }
        table.number += 1;
        let number = table.number;
        table.entries.insert(name, Entry { number, since: uptime, body, answer: None });
        table.order.push_back((name, number));
        Ok(Some(Turn::First(Pending { replays: Arc::clone(self), name, number })))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing under the lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Makes room for one more.
    fn forget(&mut self, uptime: Duration) {
        while let Some((name, number)) = self.order.front() {
            let entry = self.entries.get(name).filter(|entry| entry.number == *number);
            let is_over = entry.is_none_or(|entry| entry.since + REMEMBERED <= uptime);
            if !is_over && self.order.len() < MAX_REMEMBERED {
                return;
            }
            if entry.is_some() {
                self.entries.remove(name);
            }
            self.order.pop_front();
        }
    }
}

impl Pending {
    /// It was done.
    pub(super) fn done(self, answer: &Bytes) {
        let mut table = self.replays.lock();
        if let Some(entry) = table.entries.get_mut(&self.name).filter(|entry| entry.number == self.number) {
            entry.answer = Some(answer.clone());
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut table = self.replays.lock();
        let entry = table.entries.get(&self.name);
        if entry.is_some_and(|entry| entry.number == self.number && entry.answer.is_none()) {
            table.entries.remove(&self.name);
        }
    }
}

fn key(headers: &HeaderMap) -> Result<Option<&[u8]>, Fault> {
    let mut keys = headers.get_all(HEADER).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let key = key.as_bytes();
    let is_plain = (1..=MAX_KEY_BYTES).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if is_plain && keys.next().is_none() {
        Ok(Some(key))
    } else {
        Err(Fault::invalid(format!("Idempotency-Key: one of up to {MAX_KEY_BYTES} visible ASCII characters")))
    }
}

/// Of parts that cannot run into each other.
fn hash(parts: &[&[u8]]) -> Name {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut name = Name::default();
    name.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "k";

    fn begin(replays: &Arc<Replays>, key: &str, body: &'static str, uptime: u64) -> Result<Turn, Code> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, key.parse().unwrap());
        let body = Bytes::from(body);
        let request = Request { caller: "c", method: &Method::POST, target: "/api/events", body: &body };
        let turn = replays.begin(&headers, request, Duration::from_secs(uptime));
        turn.map(Option::unwrap).map_err(|fault| fault.code)
    }

    fn first(replays: &Arc<Replays>, key: &str, uptime: u64) -> Pending {
        match begin(replays, key, "{}", uptime) {
            Ok(Turn::First(pending)) => pending,
            other => panic!("{key}: {other:?}"),
        }
    }

    fn answer(replays: &Arc<Replays>, key: &str, uptime: u64) -> Option<Bytes> {
        match begin(replays, key, "{}", uptime) {
            Ok(Turn::Done(answer)) => Some(answer),
            _ => None,
        }
    }

    #[test]
    fn what_was_done_is_answered_alike_until_it_is_forgotten() {
        let replays = Arc::new(Replays::default());
        first(&replays, KEY, 0).done(&Bytes::from("1"));
        assert_eq!(answer(&replays, KEY, 599).as_deref(), Some(&b"1"[..]));
        assert_eq!(begin(&replays, KEY, "{ }", 599).unwrap_err(), Code::KeyReused);
        first(&replays, KEY, 600).done(&Bytes::from("2"));
        assert_eq!(answer(&replays, KEY, 601).as_deref(), Some(&b"2"[..]));
    }

    #[test]
    fn what_is_being_done_is_not_done_again_and_what_failed_is() {
        let replays = Arc::new(Replays::default());
        let pending = first(&replays, KEY, 0);
        assert_eq!(begin(&replays, KEY, "{}", 0).unwrap_err(), Code::InProgress);
        assert_eq!(begin(&replays, KEY, "{ }", 0).unwrap_err(), Code::KeyReused);
        drop(pending);
        first(&replays, KEY, 0).done(&Bytes::new());
        assert!(answer(&replays, KEY, 0).is_some());
    }

    #[test]
    fn the_table_is_bounded_whatever_fails_and_the_oldest_is_forgotten() {
        let replays = Arc::new(Replays::default());
        first(&replays, "oldest", 0).done(&Bytes::new());
        for number in 0..MAX_REMEMBERED - 1 {
            drop(first(&replays, &number.to_string(), 0));
        }
        let sizes = |table: &Table| (table.entries.len(), table.order.len());
        assert_eq!(sizes(&replays.lock()), (1, MAX_REMEMBERED));
        let late = first(&replays, "one-more", 0);
        assert_eq!(sizes(&replays.lock()), (1, 1));
        drop(first(&replays, "oldest", 0));
        late.done(&Bytes::new());
        assert!(answer(&replays, "one-more", 0).is_some());
    }

    #[test]
    fn an_answer_that_comes_after_it_was_forgotten_is_nobodys() {
        let replays = Arc::new(Replays::default());
        let early = first(&replays, KEY, 0);
        let late = first(&replays, KEY, 600);
        early.done(&Bytes::from("early"));
        assert_eq!(begin(&replays, KEY, "{}", 600).unwrap_err(), Code::InProgress);
        late.done(&Bytes::from("late"));
        assert_eq!(answer(&replays, KEY, 600).as_deref(), Some(&b"late"[..]));
    }

    #[test]
    fn a_key_is_one_plain_word() {
        let replays = Arc::new(Replays::default());
        for wrong in ["", "two words", &"k".repeat(256)] {
            assert_eq!(begin(&replays, wrong, "{}", 0).unwrap_err(), Code::InvalidRequest, "{wrong}");
        }
        drop(first(&replays, &"k".repeat(255), 0));
    }
}
