//! What was told: the events in the order in which one reader of all of them got them, and whether what
//! another reader got is a part of that.

use std::sync::Mutex;

use super::event::{Entry, Reading};

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
