//! Which writes must be told, and how. Where the ledger does not know enough, more than one ending is right:
//! a reset takes along what the other side had not read yet, so nobody can say how far it got.

use super::event::Look;
use super::ledger::Seen;
use super::plan::{Act, Body, Framing, How, Leave, Model, Part, Plan};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    Event,
    Overlapping,
    NoRecord,
    TooLarge,
    Undecodable,
    Uncertain,
    Withheld,
    Refused,
    Unsent,
    /// It never came to restcast.
    Absent,
}

impl Ending {
    /// Those that restcast counts, as it names them.
    pub const COUNTED: [(Self, &'static str); 9] = [
        (Self::Event, "event"),
        (Self::Overlapping, "overlapping"),
        (Self::NoRecord, "no_record"),
        (Self::TooLarge, "too_large"),
        (Self::Undecodable, "undecodable"),
        (Self::Uncertain, "uncertain"),
        (Self::Withheld, "withheld"),
        (Self::Refused, "refused"),
        (Self::Unsent, "unsent"),
    ];

    fn is_certain(self) -> bool {
        matches!(self, Self::Event | Self::Overlapping | Self::NoRecord | Self::TooLarge | Self::Undecodable)
    }

    /// Whether this is how it looks to readers.
    fn shows_as(self, told: Option<Look>, has_record: bool) -> bool {
        match self {
            Self::Event if has_record => told == Some(Look::Record),
            Self::Event => told == Some(Look::Bare),
            Self::Overlapping => told == Some(Look::Overlapping),
            Self::NoRecord | Self::TooLarge | Self::Undecodable => {
                matches!(told, Some(Look::Bare | Look::Overlapping))
            }
            Self::Uncertain => told == Some(Look::Uncertain),
            Self::Withheld | Self::Refused | Self::Unsent | Self::Absent => told.is_none(),
        }
    }
}

/// The endings that are right for a write, given what readers were told of it.
pub fn endings(plan: &Plan, seen: Seen, told: Option<Look>) -> Vec<Ending> {
    let mut endings = by_ledger(plan, seen);
    if plan.model == Model::Secret {
        for ending in &mut endings {
            *ending = if ending.is_certain() { Ending::Withheld } else { *ending };
        }
        // Nobody was told of those that are in doubt either.
        endings.retain(|_| told.is_none());
        return endings;
    }
    if plan.model == Model::Note && told == Some(Look::Overlapping) {
        // Nobody else writes it.
        return Vec::new();
    }
    if endings.contains(&Ending::Event) {
        endings.push(Ending::Overlapping);
    }
    endings.retain(|ending| ending.shows_as(told, plan.method != "DELETE"));
    endings
}

fn by_ledger(plan: &Plan, seen: Seen) -> Vec<Ending> {
    if seen.wholes == 0 {
        return unseen(plan.leave);
    }
    let mut endings = match plan.act {
        Act::DiesOnce(_) if seen.wholes == 1 => vec![Ending::Uncertain],
        Act::Answers | Act::AnswersAndCloses | Act::DiesOnce(_) => vec![answered(plan)],
        Act::Dies(part, how) => died(plan, part, Some(how)),
        Act::Stalls(part) => died(plan, part, None),
    };
    if seen.late {
        endings.extend([Ending::Uncertain, bare(plan), without_record(plan, Ending::Undecodable)]);
        endings.dedup();
    }
    endings
}

/// The backend never had all of it.
fn unseen(leave: Leave) -> Vec<Ending> {
    match leave {
        Leave::Inside(_) => vec![Ending::Unsent],
        Leave::AtOnce(How::Resets) | Leave::Waiting(How::Resets) | Leave::AtHead(How::Resets) => {
            vec![Ending::Absent, Ending::Unsent, Ending::Uncertain]
        }
        // The connection that it went to had been closed by the backend, or it left before it went anywhere.
        Leave::Stays | Leave::HalfCloses | Leave::AtOnce(_) | Leave::Waiting(_) | Leave::AtHead(_) => {
            vec![Ending::Unsent, Ending::Uncertain]
        }
    }
}

fn answered(plan: &Plan) -> Ending {
    match (plan.status, plan.body) {
        (400.., _) => Ending::Refused,
        (303, _) if !plan.is_ours => Ending::Uncertain,
        (202 | 204 | 303, _) | (_, Body::Empty | Body::NotJson) => bare(plan),
        (_, Body::Record | Body::List) => Ending::Event,
        (_, Body::Broken) => without_record(plan, Ending::Undecodable),
        (_, Body::Large) => without_record(plan, Ending::TooLarge),
    }
}

fn bare(plan: &Plan) -> Ending {
    without_record(plan, Ending::NoRecord)
}

/// A deletion needs no record, whatever its answer holds.
fn without_record(plan: &Plan, otherwise: Ending) -> Ending {
    if plan.method == "DELETE" { Ending::Event } else { otherwise }
}

/// An answer was sent up to here, and then nothing or, by `how`, the end.
fn died(plan: &Plan, part: Part, how: Option<How>) -> Vec<Ending> {
    match (part, how) {
        (Part::Nothing | Part::HalfHead, _) => vec![Ending::Uncertain],
        (_, Some(How::Resets)) => vec![bare(plan), Ending::Uncertain],
        (Part::HalfBody, Some(How::Closes)) if plan.framing == Framing::Close => {
            vec![without_record(plan, Ending::Undecodable)]
        }
        (Part::Head | Part::HalfBody | Part::All, _) => vec![bare(plan)],
    }
}

/// What is wrong with what a writer was answered that waited for it.
pub fn wrong_answer(plan: &Plan, seen: Seen) -> Option<String> {
    if seen.late || !matches!(plan.leave, Leave::Stays | Leave::HalfCloses) {
        return None;
    }
    let right: &[u16] = match plan.act {
        _ if seen.wholes == 0 => &[502],
        Act::DiesOnce(_) if seen.wholes == 1 => &[502],
        Act::Dies(Part::Nothing | Part::HalfHead, _) => &[502],
        Act::Stalls(Part::Nothing | Part::HalfHead) => &[504],
        Act::Dies(_, How::Resets) => &[plan.status, 502],
        Act::Answers | Act::AnswersAndCloses | Act::DiesOnce(_) | Act::Dies(..) | Act::Stalls(_) => {
            &[plan.status]
        }
    };
    let is_right = seen.status.is_some_and(|status| right.contains(&status));
    (!is_right).then(|| format!("its writer was answered {:?} instead of {right:?}", seen.status))
}
