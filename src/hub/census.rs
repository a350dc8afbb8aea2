//! Who is there: connections by what is known of them, for whoever runs restcast. Whoever looks on from the
//! admin port is nobody's reader, and never meant.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

use super::Hub;
use super::reader::Reader;
use super::sample::Sample;
use crate::event::Topic;
use crate::identity::Identity;
use crate::message::Target;

/// A connection as it is at one moment.
#[derive(Debug, Clone)]
pub struct Resident {
    /// Its id.
    pub id: Uuid,
    /// The path of its endpoint.
    pub endpoint: Arc<str>,
    /// The application of its endpoint.
    pub app: Option<Arc<str>>,
    /// The namespace of its dialect, if that has several.
    pub namespace: Option<Arc<str>>,
    /// Who it is.
    pub identity: Identity,
    /// When it came.
    pub since: SystemTime,
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// What it is subscribed to, in no order.
    pub topics: Vec<Topic>,
}

impl Resident {
    /// Rooms of its namespace that it is in, by their names.
    pub fn rooms(&self) -> Vec<&str> {
        let namespace = self.namespace.as_deref();
        let room = |topic| Topic::as_room(topic).filter(|(of, _)| Some(*of) == namespace);
        let mut rooms: Vec<&str> = self.topics.iter().filter_map(room).map(|(_, room)| room).collect();
        rooms.sort_unstable();
        rooms
    }
}

/// Some of the connections that are meant, in an order that stays while they come and go.
#[derive(Debug, Default)]
pub struct Page {
    /// Connections that are meant, in all.
    pub count: usize,
    /// Those of the page, in their order.
    pub residents: Vec<Resident>,
    /// There are others behind them.
    pub more: bool,
}

/// How many users and topics there are, and the largest of them, by size.
#[derive(Debug, Default)]
pub struct Counts {
    /// Users that have connections.
    pub users: usize,
    /// Those with the most connections.
    pub top_users: Vec<(String, usize)>,
    /// Topics that have readers.
    pub topics: usize,
    /// Those with the most readers.
    pub top_topics: Vec<(String, usize)>,
}

/// How many connections are meant, and some of them.
#[derive(Debug, Default)]
pub struct Tally {
    /// All of them.
    pub count: usize,
    /// Those of users.
    pub authenticated: usize,
    /// Users, each once.
    pub users: usize,
    /// Some of these, to be counted together with those of other processes.
    pub sample: Sample,
    /// Some of them, in no order.
    pub residents: Vec<Resident>,
}

impl Hub {
    /// Counts everything, and lists up to `limit` of the largest. Costs a look at every user and every topic,
    /// under the lock.
    pub fn crowd(&self, limit: usize) -> Counts {
        let tables = self.lock();
        let users = tables.crowd.users().iter().map(|(user, count)| (*count, user));
        let topics = tables.topics.iter().map(|(topic, index)| (index.subscriptions(), topic));
        let (top_users, top_topics) = (largest(users, limit), largest(topics, limit));
        Counts {
            users: tables.crowd.users().len(),
            top_users: top_users.into_iter().map(|(count, user)| (user.clone(), count)).collect(),
            topics: tables.topics.len(),
            top_topics: top_topics.into_iter().map(|(count, topic)| (topic.to_string(), count)).collect(),
        }
    }

    /// The first `limit` of the connections that are meant by `target` whose id is greater than `after`.
    /// Costs a look at every connection.
    pub fn page(&self, target: &Target, after: Option<Uuid>, limit: usize) -> Page {
        let mut count = 0;
        let ids = self.first(target, limit.saturating_add(1), |reader| {
            count += 1;
            after.is_none_or(|after| after < reader.id).then_some(reader.id)
        });
        let mut page = Page { count, more: ids.len() > limit, ..Page::default() };
        page.residents = ids.iter().take(limit).filter_map(|reader| self.resident(reader)).collect();
        page
    }

    /// Up to `limit` of the connections that came last, the last one first. Costs a look at every connection.
    pub fn newest(&self, limit: usize) -> Page {
        let mut count = 0;
        let newest = self.first(&Target::default(), limit, |reader| {
            count += 1;
            Some(Reverse((reader.since, reader.id)))
        });
        let residents = newest.iter().filter_map(|reader| self.resident(reader)).collect();
        Page { count, residents, more: count > limit }
    }

    /// The readers of the lowest ranks, in their order; without a rank a reader is none of them.
    fn first<R: Ord>(
        &self,
        target: &Target,
        limit: usize,
        mut rank: impl FnMut(&Reader) -> Option<R>,
    ) -> Vec<Arc<Reader>> {
        let mut heap: BinaryHeap<Ranked<R>> = BinaryHeap::new();
        self.each(
            target,
            || {},
            |reader, _| {
                let Some(rank) = rank(reader) else { return };
                let is_wanted = heap.len() < limit || heap.peek().is_some_and(|last| rank < last.rank);
                if is_wanted && limit > 0 {
                    heap.push(Ranked { rank, reader: Arc::clone(reader) });
                }
                if heap.len() > limit {
                    heap.pop();
                }
            },
        );
        heap.into_sorted_vec().into_iter().map(|ranked| ranked.reader).collect()
    }

    /// Counts the connections that are meant by `target`, each as it is when it is looked at: they come and go
    /// meanwhile. Costs a look at every connection, and a copy of `limit` of them at most.
    pub fn tally(&self, target: &Target, limit: usize) -> Tally {
        let (mut tally, mut users) = (Tally::default(), HashSet::new());
        self.each(
            target,
            || {},
            |reader, _| {
                tally.count += 1;
                if let Some(user) = reader.standing().identity.user() {
                    tally.authenticated += 1;
                    if !users.contains(user.id.as_str()) {
                        users.insert(user.id.clone());
                        tally.sample.add(&user.id);
                    }
                }
                if tally.residents.len() < limit {
                    tally.residents.extend(self.resident(reader));
                }
            },
        );
        tally.users = users.len();
        tally
    }

    fn resident(&self, reader: &Reader) -> Option<Resident> {
        let desk = self.desks.get(reader.endpoint)?;
        let standing = reader.standing();
        Some(Resident {
            id: reader.id,
            endpoint: Arc::clone(&desk.path),
            app: desk.app.clone(),
            namespace: desk.namespace.clone(),
            identity: standing.identity.clone(),
            since: reader.since,
            address: reader.address,
            topics: standing.subscriptions.iter().map(|held| held.topic.clone()).collect(),
        })
    }
}

/// Those with the highest counts, the highest first.
fn largest<'a, T: Ord>(counts: impl Iterator<Item = (usize, &'a T)>, limit: usize) -> Vec<(usize, &'a T)> {
    let mut heap = BinaryHeap::new();
    for (count, name) in counts {
        heap.push((Reverse(count), name));
        if heap.len() > limit {
            heap.pop();
        }
    }
    heap.into_sorted_vec().into_iter().map(|(Reverse(count), name)| (count, name)).collect()
}

struct Ranked<R> {
    rank: R,
    reader: Arc<Reader>,
}

impl<R: Ord> Ord for Ranked<R> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl<R: Ord> PartialOrd for Ranked<R> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<R: Ord> PartialEq for Ranked<R> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl<R: Ord> Eq for Ranked<R> {}
