//! What waits to be written to a broker's log. Bounded: where it is full, what comes is lost, and as soon as there is
//! room for a word that says so to every process, nothing else goes before it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use uuid::Uuid;

use super::super::Parcel;
use super::super::wire::{Content, Letter};

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingLimits {
    /// Letters.
    pub letters: usize,
    /// Bytes of them.
    pub bytes: usize,
}

/// Letters that are written in one go.
const BATCH: usize = 256;

/// See the module's documentation.
#[derive(Debug)]
pub(in crate::broker) struct Outgoing {
    node: Uuid,
    limits: OutgoingLimits,
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    letters: VecDeque<(String, Bytes)>,
    bytes: usize,
    /// Of the last letter.
    number: u64,
    /// Something had no room, and nobody has been told.
    lost: bool,
}

impl Outgoing {
    /// `node`: as which this process writes.
    pub(in crate::broker) fn new(node: Uuid, limits: OutgoingLimits) -> Self {
        Self { node, limits, state: Mutex::default(), filled: Notify::new() }
    }

    /// Puts a parcel behind what waits; `false`: it is lost. `asks`: by which number its readers are counted.
    pub(in crate::broker) fn push(&self, parcel: Parcel, asks: Option<u64>) -> bool {
        let mut state = self.lock();
        // Behind a loss nothing is worth more than the word that says so, which comes when there is room.
        let added = !state.lost && self.add(&mut state, Content::Parcel(Box::new(parcel)), asks);
        state.lost |= !added;
        drop(state);
        self.filled.notify_one();
        added
    }

    /// Something was lost elsewhere.
    pub(super) fn lose(&self) {
        let mut state = self.lock();
        state.lost = true;
        drop(state);
        self.filled.notify_one();
    }

    /// One that is too large alone is let through when nothing else waits.
    fn add(&self, state: &mut State, content: Content, asks: Option<u64>) -> bool {
        let number = state.number + 1;
        let letter = Letter { node: self.node, number, content, asks }.write();
        let bytes = state.bytes + letter.len();
        let fits = state.letters.len() < self.limits.letters && bytes <= self.limits.bytes;
        if !fits && !state.letters.is_empty() {
            return false;
        }
        (state.bytes, state.number) = (bytes, number);
        state.letters.push_back((format!("{}-{number}", self.node.simple()), letter));
        true
    }

    /// The next letters, as soon as there are some. They stay until they are [written](Self::written). In the place of
    /// one that has more than so many bytes stands the word that it is lost: it would never be taken.
    pub(super) async fn next(&self, largest: usize) -> Vec<(String, Bytes)> {
        loop {
            let letters = self.first(largest);
            if !letters.is_empty() {
                return letters;
            }
            self.filled.notified().await;
        }
    }

    fn first(&self, largest: usize) -> Vec<(String, Bytes)> {
        let mut state = self.lock();
        self.give_up_larger(&mut state, largest);
        if state.lost && state.letters.is_empty() {
            state.lost = false;
            self.add(&mut state, Content::Lost, None);
        }
        state.letters.iter().take(BATCH).cloned().collect()
    }

    fn give_up_larger(&self, state: &mut State, largest: usize) {
        let State { letters, bytes, number: last, .. } = state;
        let first = *last + 1 - letters.len() as u64;
        for ((_, letter), number) in letters.iter_mut().zip(first..).take(BATCH) {
            if letter.len() > largest {
                tracing::error!(
                    bytes = letter.len(),
                    largest,
                    "an event is larger than the broker takes, and lost"
                );
                *bytes -= letter.len();
                *letter = Letter { node: self.node, number, content: Content::Lost, asks: None }.write();
                *bytes += letter.len();
            }
        }
    }

    /// So many of the oldest are in the log.
    pub(in crate::broker) fn written(&self, count: usize) {
        let mut state = self.lock();
        let count = count.min(state.letters.len());
        let bytes: usize = state.letters.drain(..count).map(|(_, letter)| letter.len()).sum();
        state.bytes -= bytes;
    }

    /// Letters that wait, with the one that will say that others were lost.
    pub(in crate::broker) fn len(&self) -> usize {
        let state = self.lock();
        state.letters.len() + usize::from(state.lost)
    }

    /// The letters that wait.
    #[cfg(test)]
    pub(in crate::broker) fn letters(&self) -> Vec<Bytes> {
        self.lock().letters.iter().map(|(_, letter)| letter.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change under it is whole, or is not made.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn parcel(id: u64) -> Parcel {
        Parcel::Event(Event::sample("a", &id.to_string()))
    }

    /// What waits, in a word each.
    fn waiting(outgoing: &Outgoing) -> Vec<String> {
        let word = |(_, bytes): (String, Bytes)| {
            let letter = Letter::read(&bytes).unwrap();
            match letter.content {
                Content::Lost => format!("{} lost", letter.number),
                Content::Parcel(parcel) => match *parcel {
                    Parcel::Event(event) => {
                        format!("{} {}", letter.number, event.items[0].id.as_ref().unwrap().as_str())
                    }
                    Parcel::Push(_) => format!("{} push", letter.number),
                },
            }
        };
        outgoing.first(usize::MAX).into_iter().map(word).collect()
    }

    fn outgoing(letters: usize, bytes: usize) -> Outgoing {
        Outgoing::new(Uuid::nil(), OutgoingLimits { letters, bytes })
    }

    #[test]
    fn letters_stay_in_their_order_until_they_are_written() {
        let outgoing = outgoing(10, 1 << 20);
        assert!((1..=3).all(|id| outgoing.push(parcel(id), None)));
        assert_eq!(waiting(&outgoing), ["1 1", "2 2", "3 3"]);
        assert_eq!(waiting(&outgoing), ["1 1", "2 2", "3 3"], "they may have to be sent again");
        outgoing.written(2);
        assert!(outgoing.push(parcel(4), None));
        assert_eq!((waiting(&outgoing), outgoing.len()), (vec!["3 3".to_owned(), "4 4".to_owned()], 2));
    }

    #[test]
    fn what_has_no_room_is_lost_and_that_is_said_before_anything_else() {
        let outgoing = outgoing(2, 1 << 20);
        let pushed: Vec<bool> = (1..=4).map(|id| outgoing.push(parcel(id), None)).collect();
        assert_eq!(pushed, [true, true, false, false]);
        assert_eq!(outgoing.len(), 3);
        outgoing.written(1);
        assert!(!outgoing.push(parcel(5), None), "it would come before the loss is told");
        outgoing.written(1);
        assert_eq!(waiting(&outgoing), ["3 lost"]);
        assert!(outgoing.push(parcel(6), None));
        assert_eq!(waiting(&outgoing), ["3 lost", "4 6"]);
    }

    #[test]
    fn bytes_are_bounded_and_one_that_is_larger_than_all_is_let_through_alone() {
        let outgoing = outgoing(10, 10);
        assert!(outgoing.push(parcel(1), None) && !outgoing.push(parcel(2), None));
        outgoing.written(1);
        assert_eq!(waiting(&outgoing), ["2 lost"]);
    }

    #[test]
    fn one_that_is_never_taken_is_told_as_lost_and_those_behind_it_go_on() {
        let outgoing = outgoing(10, 1 << 20);
        let large = Parcel::Event(Event::sample("a", &format!("\"{}\"", "x".repeat(2000))));
        assert!(
            outgoing.push(parcel(1), None) && outgoing.push(large, None) && outgoing.push(parcel(3), None)
        );
        outgoing.first(1500);
        assert_eq!(waiting(&outgoing), ["1 1", "2 lost", "3 3"]);
        outgoing.written(3);
        assert_eq!(outgoing.lock().bytes, 0);
    }

    #[test]
    fn what_was_lost_elsewhere_is_told_too() {
        let outgoing = outgoing(10, 1000);
        outgoing.lose();
        assert_eq!(waiting(&outgoing), ["1 lost"]);
    }
}
