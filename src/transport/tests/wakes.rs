//! Every order in which the hub, the connection's task and the socket may take their turns. Each turn is one
//! hold of the link's lock, so orders of turns are all that threads could do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence::SourceParallel;

use super::super::ahead::Hold;
use super::super::link::{Link, State};
use super::script::{Script, Scripted};
use super::*;
use crate::hub::{Lane as _, Sent};
use crate::transport::wire::Wire as _;

#[derive(Debug, Clone)]
enum Turn {
    /// The hub has an event of so many bytes.
    Event(usize),
    /// The same while more events follow, and behind the last of them.
    Gather(usize),
    Flush,
    /// The task answers its client with so many bytes.
    Answer(usize),
    /// The hub closes the connection.
    Close,
    /// A call begins, its own event is about to come, or it is answered.
    Call,
    Hold,
    Answered,
    /// The socket can take so many bytes and flushes more.
    Room(usize, usize),
    /// The task runs, if it was woken: all of it, or only until it has registered.
    Run,
    Register,
}

/// A task that runs when it was woken, and only then.
struct Task {
    woken: Arc<Woken>,
    waker: Waker,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Task {
    fn new() -> Self {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        Self { waker: Waker::from(Arc::clone(&woken)), woken }
    }

    fn run(&self, link: &Link<Scripted>) {
        while self.woken.0.swap(false, Ordering::Relaxed) {
            link.register(&self.waker);
            if let Poll::Ready(drained) = link.poll_drain(&mut Context::from_waker(&self.waker)) {
                drained.unwrap();
            }
        }
    }
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        8 => (0..30usize).prop_map(Turn::Event),
        6 => (0..30usize).prop_map(Turn::Gather),
        2 => Just(Turn::Flush),
        3 => (0..30usize).prop_map(Turn::Answer),
        1 => Just(Turn::Close),
        1 => Just(Turn::Call),
        2 => Just(Turn::Hold),
        1 => Just(Turn::Answered),
        6 => (0..40usize, 0..3usize).prop_map(|(room, flushes)| Turn::Room(room, flushes)),
        6 => Just(Turn::Run),
        2 => Just(Turn::Register),
    ];
    prop::collection::vec(turn, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: Some(Box::new(SourceParallel("tests/regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_waits_is_written_in_order_and_whole(turns in turns(), frames in 1..6usize) {
        let (script, stream) = Script::new();
        let link = Link::new(stream, Bytes::from(GREETING), OutboxLimits { frames, bytes: 100 });
        let task = Task::new();
        let mut expected = vec![GREETING.as_bytes().to_vec()];
        let (mut reason, mut held) = (None, None::<Vec<Vec<u8>>>);
        let (mut call, mut is_answering) = (1, false);
        // What a call held back leaves with its answer at the latest.
        for (number, turn) in turns.into_iter().chain([Turn::Answered, Turn::Flush]).enumerate() {
            let frame = |length| Frame::binary(&vec![u8::try_from(number).unwrap(); length]);
            match turn {
                Turn::Event(length) | Turn::Gather(length) => {
                    let frame = frame(length);
                    let is_gathered = matches!(turn, Turn::Gather(_));
                    match if is_gathered { link.gather(&frame) } else { link.send(&frame) } {
                        Sent::Written | Sent::Queued | Sent::Gathered => {
                            held.as_mut().unwrap_or(&mut expected).push(frame.wire().to_vec());
                        }
                        Sent::Overflow => reason = Some(CloseReason::Overflow),
                        Sent::Gone => prop_assert!(reason.is_some()),
                    }
                }
                Turn::Answer(length) => {
                    let frame = frame(length);
                    link.answer(frame.wire());
                    if reason.is_none() {
                        expected.push(frame.wire().to_vec());
                    }
                }
                Turn::Flush => link.flush(),
                Turn::Close => {
                    link.close(CloseReason::GoingAway);
                    reason = reason.or(Some(CloseReason::GoingAway));
                }
                Turn::Call => {
                    (call, is_answering) = (call + 1, true);
                    link.begin_call(call);
                }
                Turn::Hold => {
                    Hold::hold(&link, call);
                    // A former call holds nothing back.
                    held = held.or_else(|| is_answering.then(Vec::new));
                }
                Turn::Answered => {
                    is_answering = false;
                    link.end_call().ok();
                    // By now they may be too many for what waits already.
                    let is_full = reason.is_none() && link.state() == State::Closing;
                    reason = reason.or(is_full.then_some(CloseReason::Overflow));
                    expected.extend(held.take().into_iter().flatten());
                }
                Turn::Room(room, flushes) => script.grant(room, flushes),
                Turn::Run => task.run(&link),
                Turn::Register => link.register(&task.waker),
            }
        }
        // The socket takes everything from now on. Nobody wakes the task but the link and the socket.
        script.grant(usize::MAX, usize::MAX);
        task.run(&link);
        let written = script.written();
        match reason {
            None => prop_assert_eq!(written, expected.concat()),
            Some(reason) => {
                prop_assert_eq!(link.state(), State::Closing);
                let close = Frame::close(reason);
                let before = written.strip_suffix(close.wire().as_ref());
                let before = before.expect("the close frame comes last");
                let mut ends = expected.iter().scan(0, |end, frame| {
                    *end += frame.len();
                    Some(*end)
                });
                let whole = expected.concat().starts_with(before) && ends.any(|end| end == before.len());
                prop_assert!(whole, "frames are left out only at the end, and only whole ones");
            }
        }
    }
}

#[test]
fn a_flush_that_must_wait_is_done_by_the_task() {
    let (script, stream) = Script::new();
    let link = Link::new(stream, Bytes::from(GREETING), LIMITS.outbox);
    let task = Task::new();
    script.grant(usize::MAX, 1);
    task.run(&link);
    assert_eq!(link.send(&Frame::text("a")), Sent::Queued);
    assert_eq!(link.send(&Frame::text("b")), Sent::Queued);
    task.run(&link);
    assert_eq!(script.written(), GREETING.as_bytes());
    script.grant(0, 2);
    task.run(&link);
    let frames = [GREETING.as_bytes(), b"\x81\x01a", b"\x81\x01b"].concat();
    assert_eq!(script.written(), frames);
    script.grant(0, 1);
    assert_eq!(link.send(&Frame::text("c")), Sent::Written);
}

#[test]
fn nothing_is_written_once_the_connection_has_ended() {
    let (script, stream) = Script::new();
    let link = Link::new(stream, Bytes::from(GREETING), LIMITS.outbox);
    link.end();
    script.grant(usize::MAX, usize::MAX);
    assert_eq!(link.send(&Frame::text("late")), Sent::Gone);
    link.close(CloseReason::GoingAway);
    Task::new().run(&link);
    assert_eq!(script.written(), b"");
}

#[test]
fn what_is_gathered_leaves_when_it_is_let_go_or_the_client_is_answered() {
    let (script, stream) = Script::new();
    let link = Link::new(stream, Bytes::from(GREETING), LIMITS.outbox);
    let task = Task::new();
    script.grant(usize::MAX, usize::MAX);
    task.run(&link);
    let written = |expected: &str| {
        let text = String::from_utf8_lossy(&script.written()[GREETING.len()..]).into_owned();
        assert_eq!(text.replace(['\u{fffd}', '\u{1}'], ""), expected);
    };
    assert_eq!(link.gather(&Frame::text("a")), Sent::Gathered);
    assert_eq!(link.gather(&Frame::text("b")), Sent::Queued);
    written("");
    link.flush();
    written("ab");
    assert_eq!(link.gather(&Frame::text("c")), Sent::Gathered);
    link.answer(Frame::text("d").wire());
    written("abcd");
    link.gather(&Frame::text("e"));
    link.close(CloseReason::GoingAway);
    written("abcde");
    task.run(&link);
    assert!(script.written().ends_with(Frame::close(CloseReason::GoingAway).wire()));
}

#[test]
fn who_is_sent_elsewhere_gets_what_waits_first_and_is_answered_first() {
    let (script, stream) = Script::new();
    let link = Link::new(stream, Bytes::from(GREETING), LIMITS.outbox);
    let (task, reason) = (Task::new(), CloseReason::GoingAway);
    link.send(&Frame::text("a"));
    crate::hub::Lane::hold(&link);
    link.send(&Frame::text("b"));
    assert!(!link.retire(reason), "the client is being answered");
    link.release().unwrap();
    link.begin_call(1);
    assert!(!link.retire(reason), "it waits for an answer from elsewhere");
    link.end_call().unwrap();
    assert!(link.retire(reason) && link.retire(reason));
    assert_eq!(link.send(&Frame::text("c")), Sent::Gone);
    script.grant(usize::MAX, usize::MAX);
    task.run(&link);
    let frames = [GREETING.as_bytes(), b"\x81\x01a", b"\x81\x01b", Frame::close(reason).wire()].concat();
    assert_eq!(script.written(), frames);
}

#[test]
fn more_is_gathered_than_may_wait_and_nothing_is_lost() {
    let (script, stream) = Script::new();
    let link = Link::new(stream, Bytes::from(GREETING), OutboxLimits { frames: 2, bytes: 100 });
    script.grant(usize::MAX, usize::MAX);
    Task::new().run(&link);
    let frame = Frame::text("x");
    for _ in 0..100 {
        assert!(matches!(link.gather(&frame), Sent::Gathered | Sent::Queued | Sent::Written));
    }
    link.flush();
    assert_eq!(script.written().len(), GREETING.len() + 100 * frame.wire().len());
}
