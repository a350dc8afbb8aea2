//! What nodes say to each other beside the log, as JSON. Pure.
//!
//! What a newer form says is not heard, and no harm is done: whoever asked waits in vain for a while.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::forms::{AnswersForm, PageForm, TallyForm};
use super::roster::{Change, Part};
use crate::broker::wire::TargetForm;
use crate::hub::{Answers, Page, Tally};
use crate::message::Target;

/// Of this form and all that only add words and fields to it.
const VERSION: u32 = 1;
/// A note has so many bytes at most, far below what a server takes: a longer one is not sent.
pub(super) const MOST_BYTES: usize = 900 * 1024;

/// What is asked of every node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A page of the connections that are meant.
    Page {
        /// Which.
        to: Target,
        /// Their ids are greater.
        after: Option<Uuid>,
        /// So many at most.
        limit: usize,
    },
    /// How many connections are meant.
    Tally {
        /// Which.
        to: Target,
        /// So many are listed at most.
        limit: usize,
    },
    /// The end of connections.
    Close {
        /// Of which.
        to: Target,
    },
}

/// What a node says to a question.
#[derive(Debug)]
pub enum Report {
    /// Readers that something reached.
    Reached(u64),
    /// What clients said to a push.
    Answers(Answers),
    /// Connections.
    Page(Page),
    /// How many there are.
    Tally(Tally),
    /// Connections that were ended.
    Closed(u64),
}

impl Report {
    /// Readers that it reached.
    pub fn reached(&self) -> u64 {
        match self {
            Self::Reached(reached) => *reached,
            Self::Answers(answers) => answers.sent,
            Self::Page(_) | Self::Tally(_) | Self::Closed(_) => 0,
        }
    }
}

/// What one node says.
#[derive(Debug)]
pub(super) enum Word {
    /// It is there, so much has changed of who is at it, and it knows what the others know.
    Here { version: u64, is_settled: bool },
    /// It has just come, and wants to know who is there.
    Hello,
    /// It goes.
    Bye,
    /// Somebody has come to it or left.
    Change(Change),
    /// All that is at this node is wanted once more.
    Want(Uuid),
    /// Some of that.
    Part(Part),
    /// A question to all.
    Ask(u64, Ask),
    /// Nobody is to wait for clients' answers to this push any more.
    Over(u64),
    /// To a question of one node.
    Report(Uuid, u64, Report),
}

/// A word and whose it is.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) node: Uuid,
    pub(super) word: Word,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct Form {
    v: u32,
    node: Uuid,
    word: WordForm,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WordForm {
    Here { version: u64, is_settled: bool },
    Hello,
    Bye,
    Change(Change),
    Want(Uuid),
    Part(Part),
    Page { number: u64, to: TargetForm, after: Option<Uuid>, limit: usize },
    Tally { number: u64, to: TargetForm, limit: usize },
    Close { number: u64, to: TargetForm },
    Over { number: u64 },
    Report { to: Uuid, number: u64, report: ReportForm },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReportForm {
    Reached(u64),
    Answers(AnswersForm),
    Page(PageForm),
    Tally(TallyForm),
    Closed(u64),
}

impl Note {
    pub(super) fn write(self) -> Bytes {
        let word = match self.word {
            Word::Here { version, is_settled } => WordForm::Here { version, is_settled },
            Word::Change(change) => WordForm::Change(change),
            Word::Want(node) => WordForm::Want(node),
            Word::Part(part) => WordForm::Part(part),
            Word::Hello => WordForm::Hello,
            Word::Bye => WordForm::Bye,
            Word::Ask(number, Ask::Page { to, after, limit }) => {
                WordForm::Page { number, to: TargetForm::of(&to), after, limit }
            }
            Word::Ask(number, Ask::Tally { to, limit }) => {
                WordForm::Tally { number, to: TargetForm::of(&to), limit }
            }
            Word::Ask(number, Ask::Close { to }) => WordForm::Close { number, to: TargetForm::of(&to) },
            Word::Over(number) => WordForm::Over { number },
            Word::Report(to, number, report) => {
                let report = match report {
                    Report::Reached(reached) => ReportForm::Reached(reached),
                    Report::Answers(answers) => ReportForm::Answers(AnswersForm::of(answers)),
                    Report::Page(page) => ReportForm::Page(PageForm::of(&page)),
                    Report::Tally(tally) => ReportForm::Tally(TallyForm::of(tally)),
                    Report::Closed(closed) => ReportForm::Closed(closed),
                };
                WordForm::Report { to, number, report }
            }
        };
        let form = Form { v: VERSION, node: self.node, word };
        // Nothing in it can fail to be written: keys are texts, and numbers are whole.
        Bytes::from(serde_json::to_vec(&form).unwrap_or_default())
    }

    /// `None`: it is none that is understood here.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let version: Version = serde_json::from_slice(bytes).ok()?;
        if version.v > VERSION {
            return None;
        }
        let Form { node, word, .. } = serde_json::from_slice(bytes).ok()?;
        let word = match word {
            WordForm::Here { version, is_settled } => Word::Here { version, is_settled },
            WordForm::Change(change) => Word::Change(change),
            WordForm::Want(node) => Word::Want(node),
            WordForm::Part(part) => Word::Part(part),
            WordForm::Hello => Word::Hello,
            WordForm::Bye => Word::Bye,
            WordForm::Page { number, to, after, limit } => {
                Word::Ask(number, Ask::Page { to: to.target(), after, limit })
            }
            WordForm::Tally { number, to, limit } => Word::Ask(number, Ask::Tally { to: to.target(), limit }),
            WordForm::Close { number, to } => Word::Ask(number, Ask::Close { to: to.target() }),
            WordForm::Over { number } => Word::Over(number),
            WordForm::Report { to, number, report } => {
                let report = match report {
                    ReportForm::Reached(reached) => Report::Reached(reached),
                    ReportForm::Answers(answers) => Report::Answers(answers.answers()),
                    ReportForm::Page(page) => Report::Page(page.page()),
                    ReportForm::Tally(tally) => Report::Tally(tally.tally()),
                    ReportForm::Closed(closed) => Report::Closed(closed),
                };
                Word::Report(to, number, report)
            }
        };
        Some(Self { node, word })
    }
}
