//! What will be done with a write, by its writer and by the backend. It follows from the seed and the number
//! of the write, so whoever needs it makes it anew.

use super::dice::Dice;

/// Records that many writers write; those of notes and secrets are each written once.
const THINGS: u64 = 40;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    Thing,
    Note,
    /// Written with credentials, so that no reader may have it.
    Secret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Closes,
    Resets,
}

/// When a writer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    Stays,
    /// Says that it sends no more, and reads its answer.
    HalfCloses,
    /// In the middle of its request, once the backend has the head.
    Inside(How),
    /// As soon as it has sent its request.
    AtOnce(How),
    /// Once the backend has the request.
    Waiting(How),
    /// Once it has the head of its answer.
    AtHead(How),
}

/// Up to where an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Nothing,
    HalfHead,
    Head,
    HalfBody,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Answers,
    /// Closes the connection after an answer that does not say so.
    AnswersAndCloses,
    /// Gives no answer the first time that it gets the request.
    DiesOnce(How),
    Dies(Part, How),
    Stalls(Part),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    Record,
    List,
    Empty,
    NotJson,
    Broken,
    Large,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length,
    Chunked,
    Close,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub number: u64,
    pub model: Model,
    pub method: &'static str,
    /// In the path of the request; `None`: it goes to the collection.
    pub id: Option<u64>,
    pub status: u16,
    pub body: Body,
    pub framing: Framing,
    pub gzip: bool,
    /// Where a 303 points.
    pub is_ours: bool,
    pub act: Act,
    pub leave: Leave,
}

impl Model {
    pub const ALL: [Self; 3] = [Self::Thing, Self::Note, Self::Secret];

    pub fn name(self) -> &'static str {
        match self {
            Self::Thing => "thing",
            Self::Note => "note",
            Self::Secret => "secret",
        }
    }
}

impl Plan {
    pub fn of(seed: u64, number: u64) -> Self {
        let mut dice = Dice::of(seed, number);
        let model =
            dice.pick(&[Model::Thing, Model::Thing, Model::Thing, Model::Note, Model::Note, Model::Secret]);
        let method = dice.pick(&["POST", "PUT", "PUT", "PATCH", "DELETE"]);
        let own = if model == Model::Thing { dice.below(THINGS) } else { number };
        let mut plan = Self {
            id: (method != "POST" || dice.below(2) == 0).then_some(own),
            status: dice.pick(&STATUSES),
            body: dice.pick(&BODIES),
            framing: dice.pick(&[Framing::Length, Framing::Length, Framing::Chunked, Framing::Close]),
            gzip: dice.below(6) == 0,
            is_ours: dice.below(2) == 0,
            act: act(&mut dice),
            leave: leave(&mut dice, method != "DELETE"),
            ..Self::plain(number)
        };
        (plan.model, plan.method) = (model, method);
        plan.straighten();
        plan
    }

    /// A write with which nothing happens.
    pub fn plain(number: u64) -> Self {
        Self {
            number,
            model: Model::Thing,
            method: "PUT",
            id: Some(7),
            status: 200,
            body: Body::Record,
            framing: Framing::Length,
            gzip: false,
            is_ours: true,
            act: Act::Answers,
            leave: Leave::Stays,
        }
    }

    /// What does not go together.
    fn straighten(&mut self) {
        if matches!(self.act, Act::Dies(..) | Act::Stalls(_)) {
            (self.status, self.body, self.gzip) = (200, Body::Record, false);
        }
        if self.body == Body::List && self.id.is_some() {
            self.body = Body::Record;
        }
        if self.status == 204 {
            (self.body, self.framing) = (Body::Empty, Framing::Length);
        }
        self.gzip &= self.body != Body::Empty;
    }
}

const STATUSES: [u16; 20] =
    [200, 200, 200, 200, 200, 200, 200, 201, 201, 201, 201, 202, 203, 204, 204, 303, 404, 409, 422, 500];

const BODIES: [Body; 12] = [
    Body::Record,
    Body::Record,
    Body::Record,
    Body::Record,
    Body::Record,
    Body::Record,
    Body::Record,
    Body::List,
    Body::Empty,
    Body::NotJson,
    Body::Broken,
    Body::Large,
];

fn act(dice: &mut Dice) -> Act {
    let how = dice.pick(&[How::Closes, How::Resets]);
    let part = dice.pick(&[Part::Nothing, Part::HalfHead, Part::Head, Part::HalfBody]);
    match dice.below(100) {
        0..7 => Act::Dies(part, how),
        7..11 => Act::DiesOnce(how),
        11 => Act::Stalls(part),
        12..15 => Act::AnswersAndCloses,
        _ => Act::Answers,
    }
}

fn leave(dice: &mut Dice, has_body: bool) -> Leave {
    let how = dice.pick(&[How::Closes, How::Resets]);
    match dice.below(50) {
        0 if has_body => Leave::Inside(how),
        1 => Leave::AtOnce(how),
        2 => Leave::Waiting(how),
        3 => Leave::AtHead(how),
        4 => Leave::HalfCloses,
        _ => Leave::Stays,
    }
}
