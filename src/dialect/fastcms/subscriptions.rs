//! What one connection is subscribed to, and what of it the hub has to know: while `*` is there, nothing
//! else.

use super::fault::Fault;
use crate::event::Topic;
use crate::message::Command;

/// All collections at once.
const GLOBAL: &str = "*";

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    global: bool,
    /// In the order in which they came; none twice.
    named: Vec<Topic>,
}

impl Subscriptions {
    /// Adds one; a second time changes nothing.
    ///
    /// # Errors
    /// There are `limit` already.
    pub(super) fn add(
        &mut self,
        collection: &str,
        limit: usize,
        commands: &mut Vec<Command>,
    ) -> Result<(), Fault> {
        if collection == GLOBAL {
            self.go_global(commands);
            return Ok(());
        }
        let Some(topic) = topic(collection) else { return Ok(()) };
        if !self.named.contains(&topic) {
            if self.named.len() >= limit {
                return Err(Fault::TooManySubscriptions(limit));
            }
            self.named.push(topic.clone());
        }
        if !self.global {
            commands.push(Command::Subscribe(topic));
        }
        Ok(())
    }

    /// Takes one away; one that is not there changes nothing.
    pub(super) fn remove(&mut self, collection: &str, commands: &mut Vec<Command>) {
        if collection == GLOBAL {
            self.go_local(commands);
            return;
        }
        let Some(topic) = topic(collection) else { return };
        self.named.retain(|named| *named != topic);
        if !self.global {
            commands.push(Command::Unsubscribe(topic));
        }
    }

    /// The new topic comes before the old ones go: no event falls between, and the hub tells none twice.
    fn go_global(&mut self, commands: &mut Vec<Command>) {
        if !std::mem::replace(&mut self.global, true) {
            commands.push(Command::Subscribe(Topic::all()));
            commands.extend(self.named.iter().map(|topic| Command::Unsubscribe(topic.clone())));
        }
    }

    fn go_local(&mut self, commands: &mut Vec<Command>) {
        if std::mem::take(&mut self.global) {
            commands.extend(self.named.iter().cloned().map(Command::Subscribe));
            commands.push(Command::Unsubscribe(Topic::all()));
        }
    }
}

/// Where a collection's events are. `None`: nowhere, since no model can be called so: the name means something
/// else in the hub.
fn topic(collection: &str) -> Option<Topic> {
    let topic = Topic::model(collection);
    (topic != Topic::all() && !collection.contains('/')).then_some(topic)
}
