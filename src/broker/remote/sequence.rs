//! What is to be made of a log's entries: in their order, each once, and nothing left out unsaid. Pure.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::super::wire::{Content, Letter};
use super::super::{Arrived, Entry, Head, Sender};
use crate::event::Position;
use crate::recent::Recent;

/// Processes of which it is known what they wrote last; one that writes nothing for a long time may be forgotten,
/// and starts anew when it is.
const NODES: usize = 512;

/// Letters of one process that were passed over and may come yet: a server may refuse one and take the next. As many as
/// it sends before the first is acknowledged.
const PASSED_OVER: usize = 256;

/// How a letter stands to those of its sender that were read before it. Their numbers begin at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Next,
    /// Later ones were read before it, and it was not.
    Late,
    /// It was read, or passed over long ago.
    Again,
}

/// What was read of one process.
#[derive(Debug, Default)]
struct Seen {
    last: u64,
    /// Smaller ones that have not come.
    missing: BTreeSet<u64>,
}

impl Seen {
    fn turn(&mut self, number: u64) -> Turn {
        if number <= self.last {
            return if self.missing.remove(&number) { Turn::Late } else { Turn::Again };
        }
        self.missing.extend((self.last + 1..number).rev().take(PASSED_OVER));
        while self.missing.len() > PASSED_OVER {
            self.missing.pop_first();
        }
        self.last = number;
        Turn::Next
    }
}

/// How far a log was read.
#[derive(Debug)]
pub(super) struct Sequence {
    at: Option<Position>,
    nodes: Recent<Uuid, Seen>,
    /// So many of the last entries are read by a process that begins.
    history: u64,
}

impl Sequence {
    pub(super) fn new(history: u64) -> Self {
        Self { at: None, nodes: Recent::new(NODES), history }
    }

    /// How many entries are behind the last that was read.
    pub(super) fn lag(&self, last: u64) -> u64 {
        last.saturating_sub(self.offset())
    }

    /// The last offset that was read.
    pub(super) fn offset(&self) -> u64 {
        self.at.map_or(0, |at| at.offset)
    }

    /// The log was opened: where it is not known how what was read goes on in it, it is begun anew.
    pub(super) fn open(&mut self, head: Head) -> Option<Arrived> {
        let goes_on = |at: &Position| {
            at.epoch == head.epoch && at.offset <= head.last && head.first <= at.offset.saturating_add(1)
        };
        if self.at.as_ref().is_some_and(goes_on) {
            return None;
        }
        let first = head.first.max(head.last.saturating_add(1).saturating_sub(self.history)).max(1);
        Some(self.begin(Position { epoch: head.epoch, offset: first - 1 }))
    }

    /// What comes up to this offset is not there any more.
    pub(super) fn miss(&mut self, offset: u64) -> Option<Arrived> {
        let at = self.at.filter(|at| at.offset < offset)?;
        Some(self.begin(Position { offset, ..at }))
    }

    fn begin(&mut self, position: Position) -> Arrived {
        self.at = Some(position);
        Arrived::Begin(position)
    }

    /// An entry; `None`: it was read before.
    ///
    /// # Errors
    /// The first of those before it that were not read.
    pub(super) fn read(&mut self, entry: &Entry) -> Result<Option<Arrived>, u64> {
        let next = self.offset() + 1;
        if entry.offset > next {
            return Err(next);
        }
        if entry.offset < next {
            return Ok(None);
        }
        if let Some(at) = &mut self.at {
            at.offset = entry.offset;
        }
        Ok(Some(self.letter(entry)))
    }

    fn letter(&mut self, entry: &Entry) -> Arrived {
        let offset = entry.offset;
        let letter = match Letter::read(&entry.bytes) {
            Ok(letter) => letter,
            Err(error) => {
                tracing::error!(offset, %error, "a letter in the broker's log cannot be read");
                return Arrived::Lost(offset);
            }
        };
        match self.turn(letter.node, letter.number) {
            Turn::Next => {}
            Turn::Late => {
                tracing::warn!(offset, "a letter came behind later ones of its sender, and counts as lost");
                return Arrived::Lost(offset);
            }
            Turn::Again => return Arrived::Nothing(offset),
        }
        match letter.content {
            Content::Parcel(parcel) => {
                Arrived::Parcel(offset, parcel, Sender { node: letter.node, asks: letter.asks })
            }
            Content::Lost => Arrived::Lost(offset),
        }
    }
}

impl Sequence {
    /// What was sent again, since its sender never heard that it had arrived, is told once. What comes late would be
    /// taken for newer than it is. Of a sender that is read for the first time, what it wrote last may come late, too.
    fn turn(&mut self, node: Uuid, number: u64) -> Turn {
        if let Some(seen) = self.nodes.get_mut(&node) {
            return seen.turn(number);
        }
        let mut seen = Seen::default();
        let turn = seen.turn(number);
        self.nodes.insert(node, seen);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Parcel;
    use crate::event::{Epoch, Event};

    const EPOCH: Epoch = Epoch::new(7);

    fn entry(offset: u64, node: u128, number: u64) -> Entry {
        let content = Content::Parcel(Box::new(Parcel::Event(Event::sample("a", &offset.to_string()))));
        Entry { offset, bytes: Letter { node: Uuid::from_u128(node), number, content, asks: None }.write() }
    }

    fn head(first: u64, last: u64) -> Head {
        Head { epoch: EPOCH, first, last, age: None }
    }

    /// One that has read up to this offset.
    fn at(offset: u64) -> Sequence {
        let mut sequence = Sequence::new(3);
        sequence.begin(Position { epoch: EPOCH, offset });
        sequence
    }

    fn told(arrived: Option<Arrived>) -> String {
        arrived.map_or_else(String::new, |arrived| match arrived {
            Arrived::Begin(position) => format!("begin {}", position.offset),
            Arrived::Parcel(offset, _, _) => format!("parcel {offset}"),
            Arrived::Nothing(offset) => format!("nothing {offset}"),
            Arrived::Lost(offset) => format!("lost {offset}"),
        })
    }

    #[test]
    fn a_log_goes_on_where_it_was_read_or_is_begun_anew() {
        let other = Head { epoch: Epoch::new(8), ..head(1, 10) };
        let rows = [
            (None, head(1, 0), "begin 0"),
            (None, head(1, 2), "begin 0"),
            (None, head(1, 10), "begin 7"),
            (None, head(9, 10), "begin 8"),
            (None, head(11, 10), "begin 10"),
            (Some(10), head(1, 10), ""),
            (Some(8), head(9, 10), ""),
            (Some(7), head(9, 10), "begin 8"),
            (Some(11), head(1, 10), "begin 7"),
            (Some(10), other, "begin 7"),
        ];
        for (read, head, expected) in rows {
            let mut sequence = read.map_or_else(|| Sequence::new(3), at);
            assert_eq!(told(sequence.open(head)), expected, "{read:?} {head:?}");
        }
    }

    #[test]
    fn entries_are_read_once_in_their_order_and_gaps_are_noticed() {
        let mut sequence = at(4);
        assert_eq!(sequence.read(&entry(7, 1, 3)).map(told), Err(5));
        for (offset, number) in [(5, 1), (6, 2), (7, 3)] {
            assert_eq!(sequence.read(&entry(offset, 1, number)).map(told), Ok(format!("parcel {offset}")));
            assert_eq!(sequence.read(&entry(offset, 1, number)).map(told), Ok(String::new()));
        }
        assert_eq!(told(sequence.miss(9)), "begin 9");
        assert_eq!(told(sequence.miss(9)), "");
        assert_eq!(sequence.read(&entry(10, 1, 9)).map(told), Ok("parcel 10".to_owned()));
        assert_eq!((sequence.lag(12), sequence.lag(3)), (2, 0));
    }

    #[test]
    fn what_was_sent_twice_is_told_once() {
        let mut sequence = at(0);
        let told: Vec<String> = [(1, 1), (1, 2), (2, 1), (1, 1), (1, 2), (1, 3), (2, 1)]
            .into_iter()
            .zip(1..)
            .map(|((node, number), offset)| told(sequence.read(&entry(offset, node, number)).unwrap()))
            .collect();
        let expected =
            ["parcel 1", "parcel 2", "parcel 3", "nothing 4", "nothing 5", "parcel 6", "nothing 7"];
        assert_eq!(told, expected);
    }

    /// What is told of letters of one sender with these numbers.
    fn told_of<const N: usize>(numbers: [u64; N]) -> [String; N] {
        let (mut sequence, mut offset) = (at(0), 0);
        numbers.map(|number| {
            offset += 1;
            told(sequence.read(&entry(offset, 1, number)).unwrap())
        })
    }

    #[test]
    fn what_was_refused_and_came_behind_later_ones_was_told_as_if_it_were_newer() {
        assert_eq!(told_of([1, 3, 2, 4]), ["parcel 1", "parcel 2", "lost 3", "parcel 4"]);
        assert_eq!(
            told_of([1, 3, 4, 2, 2, 3, 700, 600, 300]),
            [
                "parcel 1",
                "parcel 2",
                "parcel 3",
                "lost 4",
                "nothing 5",
                "nothing 6",
                "parcel 7",
                "lost 8",
                "nothing 9"
            ],
            "so many are remembered"
        );
    }

    #[test]
    fn what_came_late_was_taken_for_a_duplicate_where_its_sender_was_not_known() {
        assert_eq!(told_of([3, 2, 1, 2, 4]), ["parcel 1", "lost 2", "lost 3", "nothing 4", "parcel 5"]);
        assert_eq!(told_of([1000, 744, 743, 1000]), ["parcel 1", "lost 2", "nothing 3", "nothing 4"]);
    }

    #[test]
    fn what_cannot_be_read_or_was_lost_is_said_to_be_lost() {
        let mut sequence = at(0);
        let junk = Entry { offset: 1, bytes: "junk".into() };
        assert_eq!(sequence.read(&junk).map(told), Ok("lost 1".to_owned()));
        let bytes = Letter { node: Uuid::nil(), number: 1, content: Content::Lost, asks: None }.write();
        assert_eq!(sequence.read(&Entry { offset: 2, bytes }).map(told), Ok("lost 2".to_owned()));
    }
}
