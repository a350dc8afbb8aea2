//! What clients say to pushes that ask them to. Each push has a number and waits for those whom it was sent to,
//! each once; whoever asked gets all of it together. Bounded in pushes and in bytes of answers.
//!
//! The lock is the last one that is ever taken: nothing else happens under it.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::{Hub, Subscriber};
use crate::event::Json;
use crate::message::Receipt;

/// Pushes that wait at once.
const MAX_OPEN: usize = 64;
/// Answers to one push that are kept, in bytes; of those behind them it is only known that they came.
const MAX_BYTES: usize = 256 * 1024;
/// What keeping one costs beside its text.
const OVERHEAD_BYTES: usize = 64;

/// What was said to a push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// Connections that it was sent to.
    pub sent: u64,
    /// Those that answered.
    pub acked: u64,
    /// What they said, as it came: a JSON array from each connection. Some may be missing, if it was too much.
    pub answers: Vec<(Uuid, Json)>,
}

/// Gets them.
pub type Collect = Box<dyn FnOnce(Answers) + Send>;

/// As many pushes wait for answers as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many pushes wait for answers")]
pub struct TooMany;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Receipts(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    last: u64,
    open: HashMap<u64, Open>,
}

/// A push that is being sent, or waits.
#[derive(Default)]
struct Open {
    expected: HashSet<Uuid>,
    answers: Answers,
    bytes: usize,
    /// Set once it has been sent to everybody.
    collect: Option<Collect>,
    /// Its time is over.
    is_over: bool,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.answers.acked, self.answers.sent)
    }
}

impl Open {
    fn take(&mut self, connection: Uuid, answer: Json) {
        self.answers.acked += 1;
        let bytes = self.bytes + answer.as_str().len() + OVERHEAD_BYTES;
        if bytes <= MAX_BYTES {
            self.bytes = bytes;
            self.answers.answers.push((connection, answer));
        }
    }
}

impl Table {
    /// Whoever is to get what was said, if nobody is waited for any more.
    fn finish(&mut self, number: u64) -> Option<(Collect, Answers)> {
        let open = self.open.get(&number)?;
        if open.collect.is_none() || !(open.is_over || open.expected.is_empty()) {
            return None;
        }
        let open = self.open.remove(&number)?;
        Some((open.collect?, open.answers))
    }
}

impl Receipts {
    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing under the lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something about one push, and what it leads to without the lock.
    fn at<T: Default>(&self, number: u64, action: impl FnOnce(&mut Open) -> T) -> T {
        let mut table = self.lock();
        let Some(open) = table.open.get_mut(&number) else { return T::default() };
        let done = action(open);
        let finished = table.finish(number);
        drop(table);
        if let Some((collect, answers)) = finished {
            collect(answers);
        }
        done
    }

    /// It is about to be sent to a connection: the answer may come at once.
    pub(super) fn expect(&self, number: u64, connection: Uuid) {
        self.at(number, |open| open.answers.sent += u64::from(open.expected.insert(connection)));
    }

    /// It was not sent to it after all.
    pub(super) fn unexpect(&self, number: u64, connection: Uuid) {
        self.at(number, |open| open.answers.sent -= u64::from(open.expected.remove(&connection)));
    }

    /// A connection has ended, and answers nothing more.
    pub(super) fn forget(&self, connection: Uuid) {
        let numbers: Vec<u64> = self.lock().open.keys().copied().collect();
        for number in numbers {
            self.at(number, |open| {
                open.expected.remove(&connection);
            });
        }
    }
}

impl Hub {
    /// The number under which a push asks for answers. To be followed by [`collect`](Self::collect) or
    /// [`give_up`](Self::give_up).
    ///
    /// # Errors
    /// There is no room for one more.
    pub fn ask_for_receipts(&self) -> Result<u64, TooMany> {
        let mut table = self.receipts.lock();
        if table.open.len() >= MAX_OPEN {
            return Err(TooMany);
        }
        table.last += 1;
        let number = table.last;
        table.open.insert(number, Open::default());
        Ok(number)
    }

    /// It has been sent to everybody: `collect` gets the answers when all have come, or its time
    /// [is over](Self::time_is_over), here and now if so.
    pub fn collect(&self, number: u64, collect: Collect) {
        self.receipts.at(number, |open| open.collect = Some(collect));
    }

    /// Nobody waits for more answers: what has come is collected.
    pub fn time_is_over(&self, number: u64) {
        self.receipts.at(number, |open| open.is_over = true);
    }

    /// It was never sent.
    pub fn give_up(&self, number: u64) {
        self.receipts.lock().open.remove(&number);
    }
}

impl Subscriber {
    /// Its client has answered a push. `false`: nobody waits for that, or it was never asked, or has said so
    /// before.
    pub fn answer(&self, receipt: Receipt) -> bool {
        let (connection, Receipt { number, answer }) = (self.id(), receipt);
        self.hub().receipts.at(number, |open| {
            let is_awaited = open.expected.remove(&connection);
            if is_awaited {
                open.take(connection, answer);
            }
            is_awaited
        })
    }
}
