//! What one connection is subscribed to. Two that ask for the same are two.

use std::sync::Arc;

use uuid::Uuid;

use super::fault::Fault;
use super::wanted::{Name, shown};
use super::words::{self, Done};
use crate::event::{Json, Topic};
use crate::filter::Filter;
use crate::message::{Command, Tag};
use crate::query::Resource;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Subscriptions {
    /// Ids are counted from that of the connection on, so that no other connection has them.
    last: Uuid,
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    id: String,
    topic: Topic,
    tag: Tag,
    is_ruled: bool,
}

/// What a subscription tells its client, and of what.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) filter: Option<Filter>,
    /// Which columns are hidden.
    pub(super) variant: u32,
    /// Any of this follows from who the client is.
    pub(super) is_ruled: bool,
}

impl Subscriptions {
    pub(super) fn new(connection: Uuid) -> Self {
        Self { last: connection, held: Vec::new() }
    }

    pub(super) fn count(&self) -> usize {
        self.held.len()
    }

    /// Adds one; its id, and what its client is to be told.
    pub(super) fn add(
        &mut self,
        of: &Name,
        resource: &Resource,
        terms: Terms,
        commands: &mut Vec<Command>,
    ) -> (String, Done) {
        self.last = Uuid::from_u128(self.last.as_u128().wrapping_add(1));
        let schema = of.schema.as_deref().unwrap_or(&resource.schema);
        let subscription = words::subscription(self.last, schema, &of.entity);
        let topic = Topic::model(&resource.model);
        let Terms { filter, variant, is_ruled } = terms;
        let tag = Tag { text: words::tag(&subscription).into(), variant };
        let id = self.last.to_string();
        self.held.push(Held { id: id.clone(), topic: topic.clone(), tag: tag.clone(), is_ruled });
        commands.push(Command::Subscribe { topic, filter: filter.map(Arc::new), tag: Some(tag) });
        (id, Done::new(format!("{{{subscription}}}")))
    }

    /// What its client was told of one, as a JSON object.
    ///
    /// # Errors
    /// It is not there, or not there any more.
    pub(super) fn find(&self, id: &str) -> Result<Json, Fault> {
        let held = self.held.iter().find(|held| held.id == id);
        let held = held.ok_or_else(|| Fault::SubscriptionNotFound(shown(id)))?;
        Ok(Json::from_valid(format!("{{{}}}", held.tag.text.trim_end_matches(','))))
    }

    /// Forgets one that nobody was told of.
    pub(super) fn undo(&mut self, id: &str) {
        self.held.retain(|held| held.id != id);
    }

    /// Takes those away that follow from who the client is.
    pub(super) fn remove_ruled(&mut self, commands: &mut Vec<Command>) {
        for Held { topic, tag, .. } in self.held.extract_if(.., |held| held.is_ruled) {
            commands.push(Command::Unsubscribe { topic, tag: Some(tag) });
        }
    }

    /// Takes one away.
    ///
    /// # Errors
    /// It is not there, or not there any more.
    pub(super) fn remove(&mut self, id: &str, commands: &mut Vec<Command>) -> Result<Done, Fault> {
        let place = self.held.iter().position(|held| held.id == id);
        let place = place.ok_or_else(|| Fault::SubscriptionNotFound(shown(id)))?;
        let Held { topic, tag, .. } = self.held.remove(place);
        commands.push(Command::Unsubscribe { topic, tag: Some(tag) });
        Ok(words::unsubscribed(id))
    }
}
