//! What waits to be written to a broker's log. Bounded: where it is full, what comes is lost, and as soon as there is
//! room for a word that says so to every process, nothing else goes before it. What clients say waits in the same line,
//! and has a smaller room of its own: it takes none from events, and what finds none is dropped.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use uuid::Uuid;

use super::super::Parcel;
use super::super::wire::{Content, Letter};
use super::oversize;

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
/// The room of words is one for so many of the events'.
const EVENTS_PER_WORD: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Event,
    Word,
}

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
    letters: VecDeque<(String, Bytes, Kind)>,
    events: Share,
    words: Share,
    /// Of the last letter.
    number: u64,
    /// Something had no room, and nobody has been told.
    lost: bool,
}

/// Of these, the letters of one kind.
#[derive(Debug, Default)]
struct Share {
    letters: usize,
    bytes: usize,
}

impl State {
    fn taken(&mut self, kind: Kind) -> &mut Share {
        match kind {
            Kind::Event => &mut self.events,
            Kind::Word => &mut self.words,
        }
    }
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
        let added = !state.lost && self.add(&mut state, Kind::Event, Content::Parcel(Box::new(parcel)), asks);
        state.lost |= !added;
        drop(state);
        self.filled.notify_one();
        added
    }

    /// The same for a word, which has no room but that of words; `false`: it is dropped, and nobody is told.
    pub(super) fn push_word(&self, parcel: Parcel) -> bool {
        let mut state = self.lock();
        let added = !state.lost && self.add(&mut state, Kind::Word, Content::Parcel(Box::new(parcel)), None);
        drop(state);
        self.filled.notify_one();
        added
    }

    /// Something was lost elsewhere, before what comes from now on.
    pub(super) fn lose(&self) {
        let mut state = self.lock();
        state.lost = state.lost || !self.add(&mut state, Kind::Event, Content::Lost, None);
        drop(state);
        self.filled.notify_one();
    }

    /// One that is too large alone is let through when nothing else of its kind waits.
    fn add(&self, state: &mut State, kind: Kind, content: Content, asks: Option<u64>) -> bool {
        let number = state.number + 1;
        let letter = Letter { node: self.node, number, content, asks }.write();
        let (room, taken) = (self.room(kind), state.taken(kind));
        let bytes = taken.bytes + letter.len();
        let fits = taken.letters < room.letters && bytes <= room.bytes;
        if !fits && taken.letters > 0 {
            return false;
        }
        *taken = Share { letters: taken.letters + 1, bytes };
        state.number = number;
        state.letters.push_back((format!("{}-{number}", self.node.simple()), letter, kind));
        true
    }

    fn room(&self, kind: Kind) -> OutgoingLimits {
        let OutgoingLimits { letters, bytes } = self.limits;
        match kind {
            Kind::Event => self.limits,
            Kind::Word => {
                OutgoingLimits { letters: letters / EVENTS_PER_WORD, bytes: bytes / EVENTS_PER_WORD }
            }
        }
    }

    /// The next letters, as soon as there are some. They stay until they are [written](Self::written). One that has more
    /// than so many bytes would never be taken, and is made smaller.
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
            self.add(&mut state, Kind::Event, Content::Lost, None);
        }
        let next = state.letters.iter().take(BATCH);
        next.map(|(name, letter, _)| (name.clone(), letter.clone())).collect()
    }

    fn give_up_larger(&self, state: &mut State, largest: usize) {
        let State { letters, events, words, number: last, .. } = state;
        let first = *last + 1 - letters.len() as u64;
        for ((_, letter, kind), number) in letters.iter_mut().zip(first..).take(BATCH) {
            let size = letter.len();
            if size <= largest {
                continue;
            }
            let taken = match kind {
                Kind::Event => {
                    *letter = oversize::event(letter, (self.node, number), largest);
                    &mut *events
                }
                Kind::Word => {
                    *letter = oversize::word(letter, (self.node, number), largest);
                    &mut *words
                }
            };
            taken.bytes = taken.bytes - size + letter.len();
        }
    }

    /// So many of the oldest are in the log.
    pub(in crate::broker) fn written(&self, count: usize) {
        let mut state = self.lock();
        for _ in 0..count {
            let Some((_, letter, kind)) = state.letters.pop_front() else { return };
            let taken = state.taken(kind);
            *taken = Share { letters: taken.letters - 1, bytes: taken.bytes - letter.len() };
        }
    }

    /// Letters that wait, with the one that will say that others were lost.
    pub(in crate::broker) fn len(&self) -> usize {
        let state = self.lock();
        state.letters.len() + usize::from(state.lost)
    }

    /// The letters that wait.
    #[cfg(test)]
    pub(in crate::broker) fn letters(&self) -> Vec<Bytes> {
        self.lock().letters.iter().map(|(_, letter, _)| letter.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change under it is whole, or is not made.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Json};
    use crate::message::{Push, Target};

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
        assert_eq!(outgoing.lock().events.bytes, 0);
    }

    fn word(text: &str) -> Parcel {
        Parcel::Push(Push::new(Target::default(), Json::string(text)))
    }

    #[test]
    fn words_have_room_beside_the_events_and_one_without_is_no_loss() {
        let outgoing = outgoing(16, 1 << 20);
        for _ in 0..2 {
            assert!(outgoing.push_word(word("a")) && outgoing.push_word(word("b")));
            assert!(!outgoing.push_word(word("c")));
            assert!((1..=16).all(|id| outgoing.push(parcel(id), None)));
            assert_eq!(outgoing.len(), 18);
            outgoing.written(18);
        }
        let large = "x".repeat(100_000);
        assert!(outgoing.push_word(word(&large)) && !outgoing.push_word(word(&large)));
        assert!(outgoing.push(parcel(1), None) && !outgoing.lock().lost);
    }

    /// A client that may say something to others could close the readers of all nodes by one word.
    #[test]
    fn a_word_that_was_larger_than_the_broker_takes_was_told_as_events_that_are_lost() {
        let outgoing = outgoing(16, 1 << 20);
        assert!(outgoing.push_word(word(&"x".repeat(2000))) && outgoing.push(parcel(2), None));
        outgoing.first(1500);
        assert_eq!(waiting(&outgoing), ["1 push", "2 2"]);
        assert!(outgoing.first(1500).iter().all(|(_, letter)| letter.len() <= 1500));
    }

    #[test]
    fn a_record_that_the_broker_does_not_take_cost_every_reader_its_connection() {
        let outgoing = outgoing(10, 1 << 20);
        let mut event = Event::sample("a", "1");
        event.items[0].record = Json::parse(&format!("\"{}\"", "x".repeat(2000)));
        assert!(outgoing.push(Parcel::Event(event), Some(7)));
        outgoing.first(1500);
        assert_eq!(waiting(&outgoing), ["1 1"]);
        let letter = Letter::read(&outgoing.letters()[0]).unwrap();
        let Content::Parcel(parcel) = letter.content else { panic!("lost") };
        let Parcel::Event(event) = *parcel else { panic!("a push") };
        assert_eq!((event.items[0].record.as_ref(), letter.asks), (None, Some(7)));
        outgoing.written(1);
        assert_eq!(outgoing.lock().events.bytes, 0);
    }

    #[test]
    fn what_was_lost_elsewhere_is_told_too() {
        let all = outgoing(10, 1 << 20);
        assert!(all.push(parcel(1), None));
        all.lose();
        assert!(all.push(parcel(3), None), "what comes behind it is worth as much as ever");
        assert_eq!(waiting(&all), ["1 1", "2 lost", "3 3"]);
        let full = outgoing(1, 1 << 20);
        assert!(full.push(parcel(1), None));
        full.lose();
        assert_eq!((waiting(&full), full.len()), (vec!["1 1".to_owned()], 2));
    }
}
