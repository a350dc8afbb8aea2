//! What one connection is subscribed to. Two that ask for the same are two.

use std::sync::Arc;

use uuid::Uuid;

use super::fault::Fault;
use super::wanted::Name;
use super::words::{self, Done};
use crate::event::Topic;
use crate::filter::Filter;
use crate::message::Command;
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
    tag: Arc<str>,
}

impl Subscriptions {
    pub(super) fn new(connection: Uuid) -> Self {
        Self { last: connection, held: Vec::new() }
    }

    pub(super) fn count(&self) -> usize {
        self.held.len()
    }

    /// Adds one.
    pub(super) fn add(
        &mut self,
        of: &Name,
        resource: &Resource,
        filter: Option<Filter>,
        commands: &mut Vec<Command>,
    ) -> Done {
        self.last = Uuid::from_u128(self.last.as_u128().wrapping_add(1));
        let schema = of.schema.as_deref().unwrap_or(&resource.schema);
        let subscription = words::subscription(self.last, schema, &of.entity);
        let tag: Arc<str> = words::tag(&subscription).into();
        let topic = Topic::model(&resource.model);
        self.held.push(Held { id: self.last.to_string(), topic: topic.clone(), tag: Arc::clone(&tag) });
        commands.push(Command::Subscribe { topic, filter: filter.map(Arc::new), tag: Some(tag) });
        Done::new(format!("{{{subscription}}}"))
    }

    /// Takes one away.
    ///
    /// # Errors
    /// It is not there, or not there any more.
    pub(super) fn remove(&mut self, id: &str, commands: &mut Vec<Command>) -> Result<Done, Fault> {
        let place = self.held.iter().position(|held| held.id == id);
        let place = place.ok_or_else(|| Fault::SubscriptionNotFound(id.to_owned()))?;
        let Held { topic, tag, .. } = self.held.remove(place);
        commands.push(Command::Unsubscribe { topic, tag: Some(tag) });
        Ok(words::unsubscribed(id))
    }
}
