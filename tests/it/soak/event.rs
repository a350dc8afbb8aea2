//! An event as readers get it, in both dialects.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::backend;
use super::plan::Model;

/// What a reader reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub canonical: bool,
    /// `""`, a model or a record of it.
    pub topic: &'static str,
}

/// One event, as small as it can be: there are many.
#[derive(Debug)]
pub struct Entry {
    pub write: u32,
    pub look: Look,
    topics: Box<[u64]>,
    /// What readers get, hashed; of one that `flarchitect` does not tell, nothing.
    canonical: u64,
    flarchitect: Option<u64>,
}

/// What an event says of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Record,
    Bare,
    /// Without record, and marked.
    Overlapping,
    Uncertain,
    /// Marked or uncertain, and yet with a record.
    Wrong,
}

#[derive(Deserialize)]
struct Event<'a> {
    time: u64,
    model: &'a str,
    outcome: &'a str,
    overlapping: bool,
    many: bool,
    #[serde(borrow)]
    items: Vec<Item<'a>>,
    http: Http<'a>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    record: &'a RawValue,
}

#[derive(Deserialize)]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
}

pub fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl Event<'_> {
    fn look(&self) -> Look {
        let has_record = self.items.iter().any(|item| item.record.get() != "null");
        match (self.outcome == "certain", has_record) {
            (true, true) if !self.overlapping => Look::Record,
            (_, true) => Look::Wrong,
            (true, false) if self.overlapping => Look::Overlapping,
            (true, false) => Look::Bare,
            (false, false) => Look::Uncertain,
        }
    }

    fn topics(&self) -> Box<[u64]> {
        let records =
            self.items.iter().map(|item| item.id.get().trim_matches('"')).filter(|id| *id != "null");
        let records = records.map(|id| hash(&format!("{}/{id}", self.model)));
        [hash(""), hash(self.model)].into_iter().chain(records).collect()
    }

    /// The same event in the other dialect.
    fn flarchitect(&self) -> String {
        let Self { time, model, many, http: Http { method, .. }, .. } = self;
        let id = if *many { "null" } else { self.items[0].id.get() };
        let records: Vec<_> = self.items.iter().map(|item| item.record.get()).collect();
        let payload = if *many { format!("[{}]", records.join(",")) } else { records.concat() };
        format!(
            r#"{{"ts":{time},"model":"{model}","method":"{method}","id":{id},"many":{many},"payload":{payload}}}"#
        )
    }
}

impl Entry {
    pub fn of(frame: &str) -> Self {
        let event: Event<'_> = serde_json::from_str(frame).unwrap_or_else(|error| panic!("{error}: {frame}"));
        let look = event.look();
        Self {
            write: backend::number(event.http.path).unwrap_or_else(|| panic!("whose is {frame}")) as u32,
            look,
            topics: event.topics(),
            canonical: hash(frame),
            flarchitect: (look != Look::Uncertain).then(|| hash(&event.flarchitect())),
        }
    }

    pub fn is_about(&self, model: Model, id: u64) -> bool {
        self.topics.contains(&hash(&format!("{}/{id}", model.name())))
    }

    /// What this reader gets of it.
    pub fn frame(&self, reading: Reading) -> Option<u64> {
        let frame = if reading.canonical { Some(self.canonical) } else { self.flarchitect };
        frame.filter(|_| self.topics.contains(&hash(reading.topic)))
    }
}
