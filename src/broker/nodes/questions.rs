//! Questions that this node asked all of them, until each has answered or the time is over. Pure.

use std::collections::HashMap;
use std::fmt;

use tokio::time::Instant;
use uuid::Uuid;

use super::words::Report;

/// Questions that are open at once.
const MOST: usize = 512;

/// What was answered.
#[derive(Debug, Default)]
pub struct Heard {
    /// What nodes said, in no order; one may have said several things.
    pub reports: Vec<Report>,
    /// How many did.
    pub roll: Roll,
}

/// Of how many nodes it is known that they are there, and how many have answered; this one is among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Roll {
    /// They are there.
    pub there: usize,
    /// They have answered in time.
    pub heard: usize,
}

impl Roll {
    /// All of them have answered.
    pub fn is_complete(self) -> bool {
        self.heard == self.there
    }
}

/// Gets what was answered.
pub type Tell = Box<dyn FnOnce(Heard) + Send>;

/// As many questions are open as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many questions are open")]
pub struct TooMany;

/// How long answers are waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Since then.
    pub(super) since: Instant,
    /// From then on nobody is to wait for clients any more, and all are to say what they know.
    pub(super) over: Instant,
    /// From then on what has come is all.
    pub(super) end: Instant,
}

struct Open {
    /// How many reports each has yet to give, and whether that is waited for.
    missing: HashMap<Uuid, (usize, bool)>,
    there: usize,
    /// So many are gone, and what they would have said is missing.
    gone: usize,
    reports: Vec<Report>,
    patience: Patience,
    is_over: bool,
    tell: Tell,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} nodes are missing", self.missing.len(), self.there)
    }
}

impl Open {
    fn is_done(&self) -> bool {
        !self.missing.values().any(|(_, is_expected)| *is_expected)
    }

    fn finish(self) -> (Tell, Heard) {
        let heard = self.there.saturating_sub(self.missing.len() + self.gone);
        let roll = Roll { there: self.there, heard };
        (self.tell, Heard { reports: self.reports, roll })
    }
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Questions {
    last: u64,
    open: HashMap<u64, Open>,
}

/// What the time has brought.
#[derive(Default)]
pub(super) struct Due {
    /// Of these it is over.
    pub(super) over: Vec<u64>,
    /// These are done.
    pub(super) done: Vec<(Tell, Heard)>,
    /// These have not answered what they were asked then.
    pub(super) silent: Vec<(Uuid, Instant)>,
}

impl Questions {
    /// Asks these nodes, each of which says something so many times, and waits for those of which that is expected;
    /// `tell` is given back where there is no room.
    pub(super) fn ask(
        &mut self,
        nodes: impl Iterator<Item = (Uuid, bool)>,
        times: usize,
        patience: Patience,
        tell: Tell,
    ) -> Result<u64, Tell> {
        if self.open.len() >= MOST {
            return Err(tell);
        }
        let missing: HashMap<_, _> = nodes.map(|(node, is_expected)| (node, (times, is_expected))).collect();
        self.last += 1;
        let there = missing.len();
        let open = Open { missing, there, gone: 0, reports: Vec::new(), patience, is_over: false, tell };
        self.open.insert(self.last, open);
        Ok(self.last)
    }

    /// A node says something; what is not asked, or not any more, is not heard.
    pub(super) fn report(&mut self, number: u64, node: Uuid, report: Report) -> Option<(Tell, Heard)> {
        let open = self.open.get_mut(&number)?;
        let missing = open.missing.get_mut(&node)?;
        missing.0 = missing.0.saturating_sub(1);
        if missing.0 == 0 {
            open.missing.remove(&node);
        }
        open.reports.push(report);
        open.is_done().then(|| self.open.remove(&number)).flatten().map(Open::finish)
    }

    /// It was never asked.
    pub(super) fn give_up(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// A node is gone, and nobody waits for it.
    pub(super) fn forget(&mut self, node: Uuid) -> Vec<(Tell, Heard)> {
        let leave = |open: &mut Open| open.gone += usize::from(open.missing.remove(&node).is_some());
        self.open.values_mut().for_each(leave);
        let done: Vec<u64> =
            self.open.iter().filter(|(_, open)| open.is_done()).map(|(number, _)| *number).collect();
        done.iter().filter_map(|number| self.open.remove(number)).map(Open::finish).collect()
    }

    /// When something is to be done next.
    pub(super) fn next(&self) -> Option<Instant> {
        let next = |open: &Open| if open.is_over { open.patience.end } else { open.patience.over };
        self.open.values().map(next).min()
    }

    pub(super) fn due(&mut self, now: Instant) -> Due {
        let mut due = Due::default();
        for (number, open) in &mut self.open {
            if !open.is_over && open.patience.over <= now {
                open.is_over = true;
                due.over.push(*number);
            }
        }
        let ended = |open: &Open| open.is_over && open.patience.end <= now;
        let ended: Vec<u64> =
            self.open.iter().filter(|(_, open)| ended(open)).map(|(number, _)| *number).collect();
        for open in ended.iter().filter_map(|number| self.open.get(number)) {
            due.silent.extend(open.missing.keys().map(|node| (*node, open.patience.since)));
        }
        due.done = ended.iter().filter_map(|number| self.open.remove(number)).map(Open::finish).collect();
        due
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::time::Duration;

    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    /// A question to both, which each answers so many times.
    fn asked(times: usize) -> (Questions, u64, Instant, mpsc::Receiver<Heard>) {
        let (mut questions, now) = (Questions::default(), Instant::now());
        let (sender, told) = mpsc::channel();
        let second = Duration::from_secs(1);
        let patience = Patience { since: now, over: now + second, end: now + 2 * second };
        let tell = Box::new(move |heard| sender.send(heard).unwrap());
        let nodes = [(A, true), (B, true)].into_iter();
        let number = questions.ask(nodes, times, patience, tell).ok().unwrap();
        (questions, number, now, told)
    }

    fn reached(heard: &Heard) -> u64 {
        heard.reports.iter().map(Report::reached).sum()
    }

    #[test]
    fn it_is_done_once_each_has_said_all_that_it_has_to_say() {
        let (mut questions, number, _, told) = asked(2);
        for node in [A, B, A] {
            assert!(questions.report(number, node, Report::Reached(1)).is_none());
        }
        assert!(questions.report(number, A, Report::Reached(100)).is_none(), "nobody asked it any more");
        let (tell, heard) = questions.report(number, B, Report::Reached(7)).unwrap();
        tell(heard);
        let heard = told.recv().unwrap();
        assert_eq!((reached(&heard), heard.roll), (10, Roll { there: 2, heard: 2 }));
        assert_eq!(questions.next(), None);
    }

    #[test]
    fn those_who_have_not_answered_in_time_or_are_gone_are_missed() {
        let (mut questions, number, start, _told) = asked(1);
        assert!(questions.report(number, B, Report::Reached(3)).is_none());
        assert_eq!(questions.next(), Some(start + Duration::from_secs(1)));
        let due = questions.due(start + Duration::from_secs(1));
        assert_eq!((due.over, due.done.len()), (vec![number], 0));
        assert_eq!(questions.next(), Some(start + Duration::from_secs(2)));
        let due = questions.due(start + Duration::from_secs(2));
        assert_eq!(due.silent, [(A, start)]);
        let (_, heard) = due.done.into_iter().next().unwrap();
        assert_eq!((reached(&heard), heard.roll), (3, Roll { there: 2, heard: 1 }));
        let (mut questions, number, ..) = asked(1);
        assert!(questions.forget(A).is_empty());
        let (_, heard) = questions.report(number, B, Report::Reached(3)).unwrap();
        assert_eq!((reached(&heard), heard.roll), (3, Roll { there: 2, heard: 1 }));
    }

    #[test]
    fn one_of_which_nothing_is_expected_is_missed_at_once_and_heard_as_long_as_others_are_waited_for() {
        for (order, heard) in [([B, A], 2), ([A, B], 1)] {
            let (mut questions, now) = (Questions::default(), Instant::now());
            let nodes = [(A, true), (B, false)].into_iter();
            let patience = Patience { since: now, over: now, end: now };
            let number = questions.ask(nodes, 1, patience, Box::new(|_| {})).ok().unwrap();
            let mut said = order.map(|node| questions.report(number, node, Report::Reached(1))).into_iter();
            let (_, said) = said.find_map(|said| said).unwrap();
            assert_eq!(said.roll, Roll { there: 2, heard });
        }
    }

    #[test]
    fn there_may_be_so_many_at_once() {
        let (mut questions, _, now, _told) = asked(1);
        let patience = Patience { since: now, over: now, end: now };
        let mut ask = || questions.ask([(A, true)].into_iter(), 1, patience, Box::new(|_| {})).is_ok();
        assert!((1..MOST).all(|_| ask()));
        assert!(!ask());
    }
}
