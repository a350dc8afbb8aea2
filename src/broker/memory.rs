//! The broker of a single process: straight to the hub. While one process takes the place of another there are two of
//! them with one order: the one that came first says at which offset each event stands, of its own and of the other's,
//! and both give it to their readers. Once it has gone, the other goes on from there by itself.
//!
//! One may be younger than one process and older than a third.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::kin::{Mail, Word};
use super::local::Local;
use super::remote::OutgoingLimits;
use super::tally::Tally;
use super::wire::{Content, Letter};
use super::{Broker, Parcel, Receipt};
use crate::event::{Epoch, Position};
use crate::hub::{Estate, Hub};
use crate::metrics::Metrics;

/// See the module's documentation.
#[derive(Debug)]
pub struct Memory {
    local: Local,
    hub: Arc<Hub>,
    node: Uuid,
    limits: OutgoingLimits,
    /// Changed by the thread that delivers alone, once there are events.
    kin: Mutex<Kin>,
}

#[derive(Debug, Default)]
struct Kin {
    elder: Option<Elder>,
    heir: Option<Arc<Mail>>,
    /// The heir goes on by itself: what it says now, it says to its own readers alone.
    is_over: bool,
}

/// The process that came first.
#[derive(Debug)]
struct Elder {
    mail: Arc<Mail>,
    /// Of the last letter to it.
    number: u64,
    /// Those of which it has not said yet where they stand.
    waiting: VecDeque<Waiting>,
}

/// What was said, and is to be placed.
#[derive(Debug)]
struct Waiting {
    origin: Origin,
    content: Content,
    tally: Option<Arc<Tally>>,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Here,
    Elder,
    /// By its number there.
    Heir(u64),
}

impl Memory {
    /// Delivers to `hub`. `limits`: what may wait for another process; one that lets more wait is given up.
    pub fn new(hub: Arc<Hub>, metrics: Arc<Metrics>, node: Uuid, limits: OutgoingLimits) -> Self {
        let local = Local::new(Arc::clone(&hub), metrics);
        Self { local, hub, node, limits, kin: Mutex::default() }
    }

    /// From now on another process says at which offset events stand. Before there are any.
    pub(super) fn follow(&self) -> Arc<Mail> {
        let mail = Arc::new(Mail::new(self.limits));
        self.hub.follow(true);
        self.lock().elder = Some(Elder { mail: Arc::clone(&mail), number: 0, waiting: VecDeque::new() });
        mail
    }

    /// From now on another process hears of each event where it stands, behind what the hub holds now.
    pub(super) fn lead(&self) -> (Estate, Arc<Mail>) {
        let mail = Arc::new(Mail::new(self.limits));
        let mut kin = self.lock();
        (kin.heir, kin.is_over) = (Some(Arc::clone(&mail)), false);
        drop(kin);
        (self.hub.estate(), mail)
    }

    /// Another process says where events stand.
    pub fn follows(&self) -> bool {
        self.lock().elder.is_some()
    }

    /// Another process hears where events stand.
    #[cfg(test)]
    pub(super) fn leads(&self) -> bool {
        self.lock().heir.is_some()
    }

    /// The heir goes on by itself. Where somebody else says where events stand, and goes on doing so, it begins anew.
    pub fn part(&self) {
        let mut kin = self.lock();
        if let Some(mail) = kin.heir.take() {
            kin.is_over = true;
            if kin.elder.is_none() {
                mail.push(&Word::Over);
            }
            mail.close();
        }
    }

    /// The heir that was told by this mail has gone.
    pub(super) fn lose_heir(&self, mail: &Arc<Mail>) {
        mail.close();
        self.lock().heir.take_if(|heir| Arc::ptr_eq(heir, mail));
    }

    /// What the heir says.
    pub(super) fn hear_heir(&self, letter: &[u8]) {
        if self.lock().is_over {
            return;
        }
        match Letter::read(letter) {
            Ok(Letter { number, content, .. }) => drop(self.say(Origin::Heir(number), content, None)),
            Err(error) => {
                tracing::error!(%error, "what the new process says cannot be read");
                if let Some(heir) = self.heir() {
                    self.lose_heir(&heir);
                }
            }
        }
    }

    /// What the elder says.
    pub(super) fn hear_elder(&self, word: Word) {
        // One that was given up may still talk, of another epoch.
        if !self.follows() {
            return;
        }
        match word {
            Word::Entry(offset, letter) => {
                let content = Letter::read(&letter).map_or_else(
                    |error| {
                        tracing::error!(%error, "what the old process says cannot be read");
                        Content::Lost
                    },
                    |letter| letter.content,
                );
                self.place(Some(offset), Origin::Elder, content);
            }
            Word::Placed(offset, number) => {
                let waiting = self.lock().elder.as_mut().and_then(|elder| elder.take(number));
                if let Some(waiting) = waiting {
                    self.settle(Some(offset), waiting);
                }
            }
            Word::Begin(position) => self.begin(position),
            Word::Over => self.go_on(),
            Word::Hello(..)
            | Word::Kept(..)
            | Word::Hidden(..)
            | Word::Settled
            | Word::Ready
            | Word::Yours
            | Word::Letter(..) => {}
        }
    }

    /// The elder has gone, and has not said that it was to be: perhaps its readers got something that nobody knows here.
    pub(super) fn lose_elder(&self) {
        if self.lock().elder.is_some() {
            let epoch = Epoch::new(Uuid::new_v4().as_u64_pair().1);
            self.begin(Position { epoch, offset: self.hub.offset() });
            self.go_on();
        }
    }

    fn begin(&self, position: Position) {
        self.local.adopt(position);
        if let Some(heir) = &self.lock().heir {
            heir.push(&Word::Begin(position));
        }
    }

    /// Nobody else says where events stand.
    fn go_on(&self) {
        let Some(elder) = self.lock().elder.take() else { return };
        elder.mail.close();
        self.hub.follow(false);
        for waiting in elder.waiting {
            self.settle(None, waiting);
        }
        tracing::info!("the old process has gone");
    }

    /// Returns how many readers of this process it reached so far.
    fn say(&self, origin: Origin, content: Content, tally: Option<Arc<Tally>>) -> u64 {
        let waiting = Waiting { origin, content, tally };
        let mut kin = self.lock();
        let Some(elder) = &mut kin.elder else {
            drop(kin);
            return self.settle(None, waiting);
        };
        let has_room = elder.send(self.node, self.limits.letters, waiting);
        drop(kin);
        if !has_room {
            tracing::error!("the old process does not take what is sent, and is not waited for any more");
            // What waits for it is told from here, this with it.
            self.lose_elder();
        }
        0
    }

    fn settle(&self, offset: Option<u64>, Waiting { origin, content, tally }: Waiting) -> u64 {
        let reached = self.place(offset, origin, content);
        if let Some(tally) = tally {
            tally.add(reached);
        }
        reached
    }

    fn place(&self, offset: Option<u64>, origin: Origin, content: Content) -> u64 {
        let heir = self.heir();
        let letter = Letter { node: self.node, number: 0, content, asks: None };
        // It has what it said itself.
        let bytes = heir.as_ref().filter(|_| !matches!(origin, Origin::Heir(_))).map(|_| letter.write());
        let reached = match letter.content {
            Content::Parcel(parcel) => self.local.deliver(offset, *parcel),
            Content::Lost => {
                self.local.lose(offset);
                0
            }
        };
        let offset = offset.unwrap_or_else(|| self.hub.offset());
        if let Some(heir) = heir {
            let has_room = match (origin, bytes) {
                (Origin::Heir(number), _) => heir.push(&Word::Placed(offset, number)),
                (_, bytes) => heir.push(&Word::Entry(offset, bytes.unwrap_or_default())),
            };
            if !has_room {
                tracing::error!("the new process does not take what is sent, and goes on by itself");
                self.lose_heir(&heir);
            }
        }
        reached
    }

    /// What is told to the heir, if there is one.
    fn heir(&self) -> Option<Arc<Mail>> {
        self.lock().heir.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kin> {
        // Nothing under it can panic half-way.
        self.kin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Elder {
    /// `false`: it takes no more, and is to be given up; what is sent waits all the same. Where its end is on the way
    /// here there is nothing to send, and what waits is told behind that.
    fn send(&mut self, node: Uuid, most: usize, Waiting { origin, content, tally }: Waiting) -> bool {
        self.number += 1;
        let letter = Letter { node, number: self.number, content, asks: None };
        let is_taken = self.mail.push(&Word::Letter(letter.write())) || self.mail.is_closed();
        let has_room = is_taken && self.waiting.len() < most;
        self.waiting.push_back(Waiting { origin, content: letter.content, tally });
        has_room
    }

    /// What has this number, which is the next.
    fn take(&mut self, number: u64) -> Option<Waiting> {
        let next = self.number + 1 - self.waiting.len() as u64;
        self.waiting.pop_front_if(|_| number == next)
    }
}

impl Broker for Memory {
    fn publish(&self, parcel: Parcel) -> u64 {
        self.say(Origin::Here, Content::Parcel(Box::new(parcel)), None)
    }

    fn send(&self, parcels: Vec<Parcel>, receipt: Receipt) {
        let tally = Arc::new(Tally::new(receipt));
        for parcel in parcels {
            self.say(Origin::Here, Content::Parcel(Box::new(parcel)), Some(Arc::clone(&tally)));
        }
    }

    fn gather(&self) {
        self.local.gather();
    }

    fn flush(&self) {
        self.local.flush();
    }

    fn lose(&self) {
        self.say(Origin::Here, Content::Lost, None);
    }
}
