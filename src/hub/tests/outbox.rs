//! The outbox: its limits by example, its bytes against a naive model.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence::SourceParallel;

use crate::hub::{Full, Outbox, OutboxLimits};

fn outbox(frames: usize, bytes: usize) -> Outbox {
    Outbox::new(OutboxLimits { frames, bytes })
}

/// All that waits, as text.
fn waiting(outbox: &Outbox) -> String {
    let mut slices = [IoSlice::new(&[]); 64];
    let filled = outbox.slices(&mut slices);
    let parts: Vec<_> = slices[..filled].iter().map(|slice| String::from_utf8_lossy(slice)).collect();
    parts.join("|")
}

fn push(outbox: &mut Outbox, frame: &'static str) -> bool {
    outbox.push(&Bytes::from(frame), 0).is_ok()
}

#[test]
fn it_is_full_at_so_many_frames_or_bytes() {
    for (frames, bytes, expected) in [
        (3, 100, "abc|de|f"),
        (2, 100, "abc|de"),
        (1, 100, "abc"),
        (9, 6, "abc|de|f"),
        (9, 5, "abc|de"),
        (9, 4, "abc|f"),
        (9, 3, "abc"),
        // The first is let through whatever its size.
        (9, 2, "abc"),
        (0, 0, "abc"),
    ] {
        let mut outbox = outbox(frames, bytes);
        let taken = ["abc", "de", "f"].map(|frame| push(&mut outbox, frame));
        assert_eq!(waiting(&outbox), expected, "{frames} frames, {bytes} bytes");
        assert_eq!(taken.iter().filter(|taken| **taken).count(), expected.split('|').count());
        assert_eq!(outbox.bytes(), expected.replace('|', "").len());
    }
}

#[test]
fn a_frame_of_which_a_part_has_left_counts_with_its_rest() {
    let mut outbox = outbox(9, 4);
    outbox.push(&Bytes::from("abcdef"), 4).unwrap();
    assert!(push(&mut outbox, "gh"));
    assert!(!push(&mut outbox, "i"));
    assert_eq!(waiting(&outbox), "ef|gh");
}

#[test]
fn writing_frees_room_and_may_end_inside_any_frame() {
    for (written, expected) in [(0, "abc|de|f"), (1, "bc|de|f"), (3, "de|f"), (4, "e|f"), (5, "f"), (6, "")] {
        let mut outbox = outbox(3, 6);
        for frame in ["abc", "de", "f"] {
            assert!(push(&mut outbox, frame));
        }
        assert!(!push(&mut outbox, "g"));
        outbox.advance(written);
        assert_eq!(waiting(&outbox), expected, "{written} written");
        assert_eq!(outbox.is_empty(), expected.is_empty());
        assert_eq!(push(&mut outbox, "g"), written >= 3, "{written} written");
    }
}

#[test]
fn what_is_abandoned_ends_at_a_frame_boundary() {
    for (partly, written, expected) in
        [(0, 0, ""), (0, 1, "bc"), (0, 3, ""), (0, 4, "e"), (1, 0, "bc"), (1, 2, "")]
    {
        let mut outbox = outbox(9, 100);
        outbox.push(&Bytes::from("abc"), partly).unwrap();
        push(&mut outbox, "de");
        push(&mut outbox, "f");
        outbox.advance(written);
        outbox.abandon();
        assert_eq!(waiting(&outbox), expected, "{partly} left directly, {written} later");
        assert_eq!(outbox.bytes(), expected.len());
        outbox.push_unbounded(&Bytes::from("close"), 0);
        assert_eq!(waiting(&outbox), [expected, "close"].join("|").trim_start_matches('|'));
    }
}

#[test]
fn the_greeting_is_not_abandoned() {
    let limits = OutboxLimits { frames: 2, bytes: 100 };
    let mut outbox = Outbox::greeting(Bytes::from("101"), limits);
    assert!(push(&mut outbox, "a"));
    assert!(!push(&mut outbox, "b"));
    outbox.abandon();
    assert_eq!(waiting(&outbox), "101");
    outbox.replace(Bytes::from("503"));
    assert_eq!((waiting(&outbox), outbox.bytes()), ("503".to_owned(), 3));
    outbox.clear();
    assert_eq!((waiting(&outbox), outbox.bytes()), (String::new(), 0));
}

#[test]
fn it_is_busy_when_more_than_half_of_what_may_wait_does() {
    for (frames, bytes, pushed, expected) in [
        (4, 100, 2, false),
        (4, 100, 3, true),
        (100, 8, 2, false),
        (100, 8, 3, true),
        (1, 100, 0, false),
        (1, 100, 1, true),
        (100, 0, 0, false),
    ] {
        let mut outbox = outbox(frames, bytes);
        for _ in 0..pushed {
            outbox.push_unbounded(&Bytes::from("ab"), 0);
        }
        assert_eq!(outbox.is_busy(), expected, "{pushed} of {frames} frames, {bytes} bytes");
    }
}

#[test]
fn what_is_excused_counts_until_it_has_left_against_nothing_behind_it() {
    let mut outbox = outbox(2, 6);
    for missed in ["abcd", "ef", "gh"] {
        outbox.push_unbounded(&Bytes::from(missed), 0);
    }
    assert!(!push(&mut outbox, "i"));
    outbox.excuse();
    assert!(push(&mut outbox, "ijk") && push(&mut outbox, "lm") && !push(&mut outbox, "n"));
    outbox.advance(5);
    assert!(!push(&mut outbox, "n"), "what left was excused");
    outbox.advance(3);
    assert!(!push(&mut outbox, "n"));
    outbox.advance(3);
    assert!(push(&mut outbox, "n"));
    assert_eq!(waiting(&outbox), "lm|n");
}

/// What may be done with an outbox.
#[derive(Debug, Clone)]
enum Step {
    /// A frame of so many bytes, of which so many have left.
    Push(usize, usize),
    Last(usize),
    Advance(usize),
    Abandon,
    Excuse,
}

/// Frames as lists of bytes, without any cleverness.
#[derive(Default)]
struct Model {
    frames: VecDeque<Vec<u8>>,
    begun: bool,
    /// How many of the first are excused.
    excused: usize,
}

impl Model {
    fn bytes(&self) -> usize {
        self.frames.iter().map(Vec::len).sum()
    }

    /// Whether a frame of so many bytes fits behind those that count.
    fn fits(&self, length: usize, frames: usize, bytes: usize) -> bool {
        let counted: Vec<usize> = self.frames.iter().skip(self.excused).map(Vec::len).collect();
        counted.len() < frames && counted.iter().sum::<usize>() + length <= bytes
    }

    fn advance(&mut self, bytes: usize) {
        for _ in 0..bytes {
            self.frames[0].remove(0);
            self.begun = !self.frames[0].is_empty();
            if !self.begun {
                self.frames.pop_front();
                self.excused = self.excused.saturating_sub(1);
            }
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..20usize, 0..20usize).prop_map(|(length, left)| Step::Push(length, left)),
        1 => (1..20usize).prop_map(Step::Last),
        4 => (0..40usize).prop_map(Step::Advance),
        1 => Just(Step::Abandon),
        1 => Just(Step::Excuse),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(SourceParallel("tests/regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn it_does_what_a_naive_model_does(steps in steps(), frames in 0..8usize, bytes in 0..80usize) {
        let mut outbox = outbox(frames, bytes);
        let mut model = Model::default();
        for (number, step) in steps.into_iter().enumerate() {
            let fill = u8::try_from(number).unwrap();
            match step {
                Step::Push(length, left) => {
                    let empty = model.frames.is_empty();
                    let left = if empty { left % length } else { 0 };
                    let rest = vec![fill; length - left];
                    let fits = empty || model.fits(rest.len(), frames, bytes);
                    if fits {
                        model.frames.push_back(rest);
                        model.begun |= left > 0;
                    }
                    let pushed = outbox.push(&Bytes::from(vec![fill; length]), left);
                    prop_assert_eq!(pushed, if fits { Ok(()) } else { Err(Full) });
                }
                Step::Last(length) => {
                    model.frames.push_back(vec![fill; length]);
                    outbox.push_unbounded(&Bytes::from(vec![fill; length]), 0);
                }
                Step::Advance(count) => {
                    let count = count.min(model.bytes());
                    model.advance(count);
                    outbox.advance(count);
                }
                Step::Abandon => {
                    model.frames.truncate(usize::from(model.begun));
                    model.excused = model.excused.min(model.frames.len());
                    outbox.abandon();
                }
                Step::Excuse => {
                    model.excused = model.frames.len();
                    outbox.excuse();
                }
            }
            let mut slices = [IoSlice::new(&[]); 70];
            let filled = outbox.slices(&mut slices);
            let got: Vec<Vec<u8>> = slices[..filled].iter().map(|slice| slice.to_vec()).collect();
            prop_assert_eq!(got, Vec::from(model.frames.clone()));
            prop_assert_eq!(outbox.bytes(), model.bytes());
            prop_assert_eq!(outbox.is_empty(), model.frames.is_empty());
        }
    }
}
