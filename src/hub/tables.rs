//! What the hub's lock guards: who is there, and for which topics.

use std::collections::HashMap;

use super::BATCH;
use super::crowd::Crowd;
use super::history::History;
use super::index::{Index, Place};
use super::readers::{Found, Readers};
use crate::event::Topic;

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) connections: Readers,
    pub(super) crowd: Crowd,
    /// Of those whose connections broke off, and who may come back.
    pub(super) away: Crowd,
    /// How many of the connections these are.
    pub(super) absent: usize,
    /// None is empty.
    pub(super) topics: HashMap<Topic, Index>,
    pub(super) history: History,
    pub(super) closing: bool,
    /// An event is on its way.
    pub(super) delivering: bool,
    /// Places that were left meanwhile, to be freed when it is through: one set at most for a subscription.
    pub(super) left: Vec<(Topic, Vec<Place>)>,
}

impl Tables {
    /// Does something with a topic's readers. No empty topic stays.
    pub(super) fn at<T>(&mut self, topic: &Topic, action: impl FnOnce(&mut Index) -> T) -> T {
        let index = self.topics.entry(topic.clone()).or_default();
        let done = action(index);
        if index.is_empty() {
            self.topics.remove(topic);
        }
        done
    }

    /// All readers there are.
    pub(super) fn everybody(&self) -> Vec<Found> {
        let mut all = Vec::with_capacity(self.connections.len());
        let mut next = Some(0);
        while let Some(from) = next {
            next = self.connections.batch(from, BATCH, &mut all);
        }
        all
    }

    /// An event is on its way from now on, unless nobody is there.
    pub(super) fn begin(&mut self) -> bool {
        self.delivering = !self.topics.is_empty();
        self.delivering
    }

    /// The event is through: frees up to `count` of the places that were left meanwhile. Whether it freed all.
    pub(super) fn end(&mut self, count: usize) -> bool {
        let rest = self.left.len().saturating_sub(count);
        for (topic, places) in self.left.split_off(rest) {
            self.at(&topic, |index| index.remove(&places));
        }
        self.delivering = !self.left.is_empty();
        !self.delivering
    }
}
