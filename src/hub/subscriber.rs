//! A reader's own handle.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use uuid::Uuid;

use super::index::{Place, Ways};
use super::reader::Reader;
use super::{Entry, Hub, Whose};
use crate::access::Credentials;
use crate::event::{Epoch, Position, Topic};
use crate::filter::Filter;
use crate::identity::Identity;
use crate::message::{Command, Tag};

/// What a reader wants of one topic.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) topic: Topic,
    /// What its frames say of it.
    pub(super) tag: Option<Tag>,
    /// Without one, everything.
    pub(super) filter: Option<Arc<Filter>>,
    /// As of which position it counts: earlier events are not its business. Where it took the place of
    /// others, that is theirs; where its reader is ahead of this process, from there on.
    pub(super) since: u64,
    /// The run of offsets that it came in.
    pub(super) epoch: Epoch,
    /// What the client missed has not been looked for yet.
    pub(super) is_fresh: bool,
    /// In a [copy](Self::copy) that is used for that: the offset behind which it was.
    pub(super) catching: Option<u64>,
    /// The position after which it came: only later events find it where it stands.
    entered: u64,
    places: Vec<Place>,
    /// The event during whose delivery it left its places for others.
    moved: u64,
}

/// What tells the subscriptions of one reader apart.
type Name = (Topic, Option<Tag>);

impl Subscription {
    fn is(&self, (topic, tag): &Name) -> bool {
        self.topic == *topic && self.tag == *tag
    }

    /// What it wants, but not where it stands.
    pub(super) fn copy(&self) -> Self {
        let (topic, tag, filter) = (self.topic.clone(), self.tag.clone(), self.filter.clone());
        Self { topic, tag, filter, places: Vec::new(), ..*self }
    }

    /// Records are read for it, or put in another form.
    pub(super) fn reads(&self) -> bool {
        self.filter.is_some() || self.tag.as_ref().is_some_and(|tag| tag.variant != 0)
    }

    /// The event at this offset is among what it catches up with.
    pub(super) fn missed(&self, offset: u64) -> bool {
        self.catching.is_some_and(|from| from < offset) && offset <= self.since
    }

    /// Where it begins.
    pub(super) fn floor(&self) -> Position {
        Position { epoch: self.epoch, offset: self.since }
    }

    /// The event at `position`, which is being delivered, looks for it where it stands.
    fn is_sought(&self, position: u64) -> bool {
        self.entered < position && self.moved < position
    }
}

/// A reader's own handle; dropping it leaves the hub.
#[derive(Debug)]
pub struct Subscriber {
    hub: Arc<Hub>,
    reader: Arc<Reader>,
    place: usize,
    /// As whom its connection is counted.
    user: Option<String>,
    is_away: bool,
    /// What comes up to there it has got elsewhere, of what it subscribes to now.
    pub(super) ahead: Option<Position>,
}

impl Subscriber {
    pub(super) fn new(hub: Arc<Hub>, reader: Arc<Reader>, place: usize, user: Option<String>) -> Self {
        Self { hub, reader, place, user, is_away: false, ahead: None }
    }

    /// Does what the client asks; gives back whom it is to be, which whoever knows its token
    /// [tells](Self::identify).
    pub fn handle(&mut self, command: Command) -> Option<Identity> {
        match command {
            Command::Subscribe { topic, filter, tag } => self.subscribe((topic, tag), filter),
            Command::Unsubscribe { topic, tag } => self.unsubscribe(&(topic, tag)),
            Command::Swap { leave, enter } => self.swap(&leave, enter),
            Command::Identify(identity) => return Some(identity),
        }
        None
    }

    /// It is this from now on, also for the backend, if that is asked: by the token by which it said so, or as
    /// nobody in particular. The same without a token changes nothing there.
    ///
    /// # Errors
    /// The user has as many connections as one may have; it is still whom it was.
    pub fn identify(&mut self, identity: Identity, token: Option<&str>) -> Result<(), Whose> {
        self.count_as(&identity)?;
        let mut standing = self.reader.standing();
        if token.is_some() || identity != standing.identity {
            let token = token.filter(|_| identity.user().is_some());
            let known = standing.credentials.as_ref();
            standing.credentials = known.map(|known| Arc::new(known.of_bearer(&self.hub.keys, token)));
        }
        standing.identity = identity;
        self.reader.lane.hold();
        Ok(())
    }

    /// Its connection broke off, and it may come back: it takes no place from those that are there. `false`: as many
    /// such as there may be are away already.
    pub fn step_out(&mut self) -> bool {
        let (address, user) = (self.reader.address, self.user.as_deref());
        let mut tables = self.hub.lock();
        if !self.is_away && tables.away.enter(address, user).is_ok() {
            tables.crowd.leave(address, user);
            tables.absent += 1;
            self.is_away = true;
        }
        self.is_away
    }

    /// It is back; `false`: there is no place for it.
    pub fn step_in(&mut self) -> bool {
        let (address, user) = (self.reader.address, self.user.as_deref());
        let mut tables = self.hub.lock();
        if self.is_away && self.hub.has_room(&tables) && tables.crowd.enter(address, user).is_ok() {
            tables.away.leave(address, user);
            tables.absent = tables.absent.saturating_sub(1);
            self.is_away = false;
        }
        !self.is_away
    }

    fn count_as(&mut self, identity: &Identity) -> Result<(), Whose> {
        let user = identity.user().map(|user| user.id.as_str());
        if user != self.user.as_deref() {
            self.hub.lock().crowd.change(self.user.as_deref(), user)?;
            self.user = user.map(ToOwned::to_owned);
        }
        Ok(())
    }

    /// From now on the backend is asked with these what it may see; `None`: it sees nothing of that kind.
    pub fn bear(&self, credentials: Option<Arc<Credentials>>) {
        let is_asked = credentials.is_some();
        let was_asked = std::mem::replace(&mut self.reader.standing().credentials, credentials).is_some();
        match (was_asked, is_asked) {
            (false, true) => drop(self.hub.asked_for.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(self.hub.asked_for.fetch_sub(1, Ordering::Relaxed)),
            (true, true) | (false, false) => {}
        }
    }

    /// With which the backend is asked on its behalf.
    pub fn credentials(&self) -> Option<Arc<Credentials>> {
        self.reader.standing().credentials.clone()
    }

    fn subscribe(&self, name: Name, filter: Option<Arc<Filter>>) {
        let mut standing = self.reader.standing();
        self.put(&mut standing.subscriptions, (name, filter), self.ahead);
        self.reader.lane.hold();
    }

    /// Of a new one, what comes up to `floor` is not its business.
    fn put(
        &self,
        subscriptions: &mut Vec<Subscription>,
        (name, filter): (Name, Option<Arc<Filter>>),
        floor: Option<Position>,
    ) {
        if let Some(held) = subscriptions.iter_mut().find(|held| held.is(&name)) {
            held.is_fresh = true;
            if held.filter != filter {
                self.replace(held, filter);
            }
        } else {
            // Few, of many readers: no room for more than there are.
            subscriptions.reserve_exact(1);
            subscriptions.push(self.enter(name, filter, floor));
        }
    }

    /// An event that is being delivered at this moment may have passed the new places and not come to the old
    /// ones yet; as with [`replace`](Self::replace) those stay until its end, and what is said there is said by
    /// the new subscriptions, which count as of when the old ones did. So do events that wait for an answer.
    fn swap(&self, leave: &[Topic], enter: Vec<(Topic, Option<Arc<Filter>>)>) {
        let mut standing = self.reader.standing();
        let stays = |topic: &Topic| enter.iter().any(|(entered, _)| entered == topic);
        let (left, mut held): (Vec<_>, Vec<_>) = std::mem::take(&mut standing.subscriptions)
            .into_iter()
            .partition(|held| leave.contains(&held.topic) && !stays(&held.topic));
        let floor = left.iter().map(Subscription::floor).min_by_key(|floor| floor.offset);
        let kept = held.len();
        for (topic, filter) in enter {
            self.put(&mut held, ((topic, None), filter), floor.or(self.ahead));
        }
        if let Some(Position { epoch, offset }) = floor {
            held.iter_mut().skip(kept).for_each(|new| (new.epoch, new.since) = (epoch, offset));
        }
        standing.subscriptions = held;
        for old in left {
            self.leave(old);
        }
        self.reader.lane.hold();
    }

    /// Gives up its places, at the end of an event that may still have to find it there.
    fn leave(&self, old: Subscription) {
        let mut tables = self.hub.lock();
        self.reader.changed();
        if tables.delivering && old.is_sought(self.hub.position.load(Ordering::Relaxed)) {
            tables.at(&old.topic, |index| index.doubt(&old.places));
            tables.left.push((old.topic, old.places));
        } else {
            tables.at(&old.topic, |index| index.remove(&old.places));
        }
    }

    fn enter(
        &self,
        (topic, tag): Name,
        filter: Option<Arc<Filter>>,
        floor: Option<Position>,
    ) -> Subscription {
        let ways = filter.as_deref().map(Ways::of);
        let mut tables = self.hub.lock();
        // An event that is being delivered at this moment came before the subscription.
        let (epoch, last) = (self.hub.epoch(), self.hub.position.load(Ordering::Relaxed));
        let floor = floor.filter(|floor| floor.epoch == epoch);
        let since = floor.map_or(last, |floor| floor.offset.max(last));
        let entry = self.entry(since, filter.is_some());
        let places = tables.at(&topic, |index| index.insert(&entry, ways));
        let (is_fresh, catching) = (true, None);
        drop(tables);
        Subscription {
            topic,
            tag,
            filter,
            since,
            epoch,
            is_fresh,
            catching,
            entered: since,
            places,
            moved: 0,
        }
    }

    /// Puts another filter in the place of the former. An event that is being delivered at this moment may
    /// have passed the new places and not come to the old ones yet; those stay until its end, so that a reader
    /// who wants it before and after is not passed over. What is said from now on is said by the new filter.
    fn replace(&self, held: &mut Subscription, filter: Option<Arc<Filter>>) {
        let ways = filter.as_deref().map(Ways::of);
        let entry = self.entry(held.entered, filter.is_some());
        let mut tables = self.hub.lock();
        self.reader.changed();
        let position = self.hub.position.load(Ordering::Relaxed);
        let stay = tables.delivering && held.is_sought(position);
        let places = tables.at(&held.topic, |index| index.insert(&entry, ways));
        let left = std::mem::replace(&mut held.places, places);
        held.filter = filter;
        if stay {
            held.moved = position;
            tables.at(&held.topic, |index| index.doubt(&left));
            tables.left.push((held.topic.clone(), left));
        } else {
            tables.at(&held.topic, |index| index.remove(&left));
        }
    }

    fn entry(&self, since: u64, is_filtered: bool) -> Entry {
        Entry { reader: Arc::clone(&self.reader), since, is_filtered }
    }

    fn unsubscribe(&self, name: &Name) {
        let mut standing = self.reader.standing();
        let subscriptions = &mut standing.subscriptions;
        let Some(index) = subscriptions.iter().position(|held| held.is(name)) else { return };
        let held = subscriptions.swap_remove(index);
        let mut tables = self.hub.lock();
        self.reader.changed();
        tables.at(&held.topic, |index| index.remove(&held.places));
    }

    /// Topics it is subscribed to.
    pub fn topics(&self) -> usize {
        self.reader.standing().subscriptions.len()
    }

    /// Who it is.
    pub fn identity(&self) -> Identity {
        self.reader.standing().identity.clone()
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    pub(super) fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    /// Its connection's id.
    pub fn id(&self) -> Uuid {
        self.reader.id
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let mut standing = self.reader.standing();
        if standing.credentials.is_some() {
            self.hub.asked_for.fetch_sub(1, Ordering::Relaxed);
        }
        let subscriptions = std::mem::take(&mut standing.subscriptions);
        drop(standing);
        let mut tables = self.hub.lock();
        tables.connections.remove(self.place);
        let (address, user) = (self.reader.address, self.user.as_deref());
        if self.is_away {
            tables.absent = tables.absent.saturating_sub(1);
            tables.away.leave(address, user);
        } else {
            tables.crowd.leave(address, user);
        }
        drop(tables);
        self.hub.receipts.forget(self.reader.id);
        for held in subscriptions {
            self.hub.lock().at(&held.topic, |index| index.remove(&held.places));
        }
    }
}
