//! What was last sent to a socket, for a client that comes back and says what it got. Bounded; pure bookkeeping, under
//! the lock of whoever has it.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::hub::OutboxLimits;
use crate::message::{Frame, Stamp};

/// Frames of the hub, oldest first. What is too much for it is forgotten from the oldest on.
#[derive(Debug)]
pub(super) struct Recent {
    frames: VecDeque<(Bytes, Stamp)>,
    bytes: usize,
    limits: OutboxLimits,
    /// Nothing has been forgotten.
    is_whole: bool,
}

impl Recent {
    pub(super) fn new(limits: OutboxLimits) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, limits, is_whole: true }
    }

    pub(super) fn push(&mut self, frame: &Frame) {
        // Of what nobody can say whether it came, nothing is sent twice.
        if frame.stamp() == Stamp::None {
            return;
        }
        self.bytes += frame.wire().len();
        self.frames.push_back((frame.wire().clone(), frame.stamp()));
        while self.frames.len() > self.limits.frames || self.bytes > self.limits.bytes {
            let Some((forgotten, _)) = self.frames.pop_front() else { return };
            self.bytes -= forgotten.len();
            self.is_whole = false;
        }
    }

    /// The client has got what it was asked about under this number.
    pub(super) fn acknowledge(&mut self, number: u64) {
        if let Some(at) = self.frames.iter().position(|(_, stamp)| *stamp == Stamp::Receipt(number))
            && let Some((known, _)) = self.frames.remove(at)
        {
            self.bytes -= known.len();
        }
    }

    /// Nothing of it is for whom it was.
    pub(super) fn forget(&mut self) {
        *self = Self { is_whole: false, ..Self::new(self.limits) };
    }

    /// What a client missed that got the frame of this stamp last, `None`: none that has one; in its order. What it
    /// was asked about and has not answered is among it, wherever it stands. `None`: it is not known any more.
    pub(super) fn missed(&self, last: Option<Stamp>) -> Option<Vec<Bytes>> {
        let behind = match last {
            None if self.is_whole => 0,
            None => return None,
            Some(last) => 1 + self.frames.iter().position(|(_, stamp)| *stamp == last)?,
        };
        let is_missed =
            |(at, (_, stamp)): &(usize, &(Bytes, Stamp))| *at >= behind || matches!(stamp, Stamp::Receipt(_));
        Some(self.frames.iter().enumerate().filter(is_missed).map(|(_, (frame, _))| frame.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: OutboxLimits = OutboxLimits { frames: 4, bytes: 64 };

    fn with(stamps: &[Stamp]) -> Recent {
        let mut recent = Recent::new(LIMITS);
        for stamp in stamps {
            recent.push(&Frame::text(&format!("{stamp:?}")).stamped(*stamp));
        }
        recent
    }

    fn missed(recent: &Recent, position: Option<u64>) -> Option<Vec<String>> {
        let text = |bytes: Bytes| String::from_utf8_lossy(&bytes[2..]).into_owned();
        Some(
            recent
                .missed(position.map(|position| Stamp::Position(position, 0)))?
                .into_iter()
                .map(text)
                .collect(),
        )
    }

    #[test]
    fn what_comes_behind_a_position_was_missed_and_what_was_not_acknowledged() {
        use Stamp::{Position, Receipt};
        let mut recent = with(&[Receipt(1), Position(5, 0), Receipt(2), Position(7, 0)]);
        let [one, five, two, seven] =
            ["Receipt(1)", "Position(5, 0)", "Receipt(2)", "Position(7, 0)"].map(str::to_owned);
        assert_eq!(missed(&recent, Some(7)), Some(vec![one.clone(), two.clone()]));
        assert_eq!(missed(&recent, Some(5)), Some(vec![one.clone(), two.clone(), seven.clone()]));
        assert_eq!(missed(&recent, None), Some(vec![one, five, two.clone(), seven.clone()]));
        recent.acknowledge(1);
        assert_eq!(missed(&recent, Some(5)), Some(vec![two, seven]));
        assert_eq!(missed(&recent, Some(6)), None);
    }

    #[test]
    fn what_was_too_much_is_not_known() {
        let five: Vec<Stamp> = (1..=5).map(|position| Stamp::Position(position, 0)).collect();
        let recent = with(&five);
        assert_eq!((missed(&recent, None), missed(&recent, Some(1))), (None, None));
        assert_eq!(missed(&recent, Some(4)), Some(vec!["Position(5, 0)".to_owned()]));
        let mut large = Recent::new(LIMITS);
        large.push(&Frame::text(&"x".repeat(100)).stamped(Stamp::Position(1, 0)));
        assert_eq!((missed(&large, None), large.bytes), (None, 0));
    }

    #[test]
    fn nothing_is_kept_of_who_somebody_was() {
        let mut recent = with(&[Stamp::Position(1, 0)]);
        recent.forget();
        assert_eq!((missed(&recent, None), missed(&recent, Some(1))), (None, None));
    }

    #[test]
    fn what_nobody_can_say_was_missed_is_not_kept() {
        assert_eq!(missed(&with(&[Stamp::None]), None), Some(Vec::new()));
    }
}
