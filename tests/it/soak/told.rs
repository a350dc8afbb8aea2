//! What was told: the events in the order in which one reader of all of them got them, and whether what
//! another reader got is a part of that.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Mutex;

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

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Told(Mutex<Vec<Entry>>);

/// What one reader got, between two moments.
#[derive(Debug, Default)]
pub struct Stretch {
    /// No event before this one can be its first.
    pub from: usize,
    /// Its first event was of no later write than the first of these that is in the log.
    pub first_write: u64,
    /// It has everything up to here.
    pub until: usize,
    pub frames: Vec<u64>,
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
    fn of(frame: &str) -> Self {
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
    fn frame(&self, reading: Reading) -> Option<u64> {
        let frame = if reading.canonical { Some(self.canonical) } else { self.flarchitect };
        frame.filter(|_| self.topics.contains(&hash(reading.topic)))
    }
}

impl Told {
    pub fn add(&self, frame: &str) {
        self.0.lock().unwrap().push(Entry::of(frame));
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub fn with<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> T {
        look(&self.0.lock().unwrap())
    }

    /// The frame after which a reader has everything that is here now; `None` if nothing is that it must have.
    pub fn last(&self, reading: Reading, stretch: &Stretch) -> Option<u64> {
        let all = self.0.lock().unwrap();
        let mine = all[stretch.from..].iter().filter(|entry| entry.frame(reading).is_some());
        let mine = mine.skip_while(|entry| u64::from(entry.write) < stretch.first_write);
        mine.last()?.frame(reading)
    }

    /// The writes of the events that a reader has still to get, from `next` on; of many the first.
    pub fn missing(&self, reading: Reading, next: usize) -> Vec<u32> {
        let all = self.0.lock().unwrap();
        let rest = all[next..].iter().filter(|entry| entry.frame(reading).is_some());
        rest.map(|entry| entry.write).take(10).collect()
    }

    /// Goes on at `next`, which this reader has come to: takes as many of its frames as there are events here.
    pub fn follow(&self, reading: Reading, next: &mut usize, frames: &mut Vec<u64>) -> Result<(), String> {
        let all = self.0.lock().unwrap();
        let mut taken = 0;
        for (at, entry) in all.iter().enumerate().skip(*next) {
            if taken == frames.len() {
                break;
            }
            *next = at + 1;
            let Some(frame) = entry.frame(reading) else { continue };
            if frame != frames[taken] {
                return Err(differs(&all[at..], reading, &frames[taken..]));
            }
            taken += 1;
        }
        frames.drain(..taken);
        Ok(())
    }

    /// Whether the stretch is a contiguous part of what was told, as far as can be said by now.
    pub fn holds(&self, reading: Reading, stretch: &Stretch) -> Result<(), String> {
        let all = self.0.lock().unwrap();
        let mine: Vec<(usize, &Entry)> = all.iter().enumerate().skip(stretch.from).collect();
        let mine: Vec<_> = mine.into_iter().filter(|(_, entry)| entry.frame(reading).is_some()).collect();
        let is_late = |(_, entry): &(usize, &Entry)| u64::from(entry.write) >= stretch.first_write;
        let latest = mine.iter().position(is_late).unwrap_or(mine.len());
        let there = mine.iter().take_while(|(at, _)| *at < stretch.until).count();
        // Nothing that was told before its first event need be among what it has.
        let wanted = if latest < there { there } else { 0 };
        let frames = &stretch.frames;
        if frames.is_empty() {
            return if wanted == 0 { Ok(()) } else { Err("it got nothing".to_owned()) };
        }
        let begins = |start: &usize| {
            let rest = mine.get(*start..*start + frames.len());
            rest.is_some_and(|rest| rest.iter().zip(frames).all(|((_, e), f)| e.frame(reading) == Some(*f)))
        };
        if (0..=latest).filter(begins).any(|start| start + frames.len() >= wanted) {
            return Ok(());
        }
        let start = mine.iter().position(|(_, entry)| entry.frame(reading) == Some(frames[0]));
        Err(start.map_or_else(
            || format!("the first of {} frames was told to nobody else", frames.len()),
            |start| {
                let at = mine[start].0;
                let place = format!("it begins at {start} of {latest} and should reach {wanted}");
                format!("{place}; {}", differs(&all[at..], reading, frames))
            },
        ))
    }
}

/// The first place where frames are not what was told, with the writes there.
fn differs(told: &[Entry], reading: Reading, frames: &[u64]) -> String {
    let mine: Vec<_> = told.iter().filter(|entry| entry.frame(reading).is_some()).collect();
    let place = frames.iter().zip(&mine).position(|(frame, entry)| entry.frame(reading) != Some(*frame));
    let Some(place) = place else { return format!("{} frames, and {} were told", frames.len(), mine.len()) };
    let writes = |list: &[&Entry]| list.iter().map(|entry| entry.write).collect::<Vec<_>>();
    let from = place.saturating_sub(3);
    let found = |frame: &u64| mine.iter().find(|entry| entry.frame(reading) == Some(*frame)).map(|e| e.write);
    let got: Vec<_> = frames[from..].iter().take(8).map(found).collect();
    let expected = writes(&mine[from..mine.len().min(from + 8)]);
    format!("frame {place} differs: writes {expected:?} were told there, it got {got:?}")
}
