//! What one connection is subscribed to, and what of it the hub has to know: while `*` is there, nothing
//! else.

use super::collections::GLOBAL;
use super::fault::Fault;
use super::settings::Settings;
use crate::event::Topic;
use crate::message::Command;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    global: bool,
    /// In the order in which they came; none twice.
    named: Vec<Named>,
}

#[derive(Debug)]
struct Named {
    /// In lower case, as the hub has it.
    collection: String,
    topics: Vec<Topic>,
}

impl Subscriptions {
    /// Adds one; a second time changes nothing.
    ///
    /// # Errors
    /// There are as many already as there may be.
    pub(super) fn add(
        &mut self,
        collection: &str,
        settings: &Settings,
        commands: &mut Vec<Command>,
    ) -> Result<(), Fault> {
        let topics = settings.collections.topics(collection);
        if collection == GLOBAL {
            self.go_global(topics, commands);
            return Ok(());
        }
        let collection = collection.to_lowercase();
        if !self.named.iter().any(|named| named.collection == collection) {
            if self.named.len() >= settings.max_subscriptions {
                return Err(Fault::TooManySubscriptions(settings.max_subscriptions));
            }
            self.named.push(Named { collection, topics: topics.clone() });
        }
        if !self.global {
            commands.extend(topics.into_iter().map(Command::subscribe));
        }
        Ok(())
    }

    /// Takes one away; one that is not there changes nothing.
    pub(super) fn remove(&mut self, collection: &str, settings: &Settings, commands: &mut Vec<Command>) {
        let topics = settings.collections.topics(collection);
        if collection == GLOBAL {
            self.go_local(topics, commands);
            return;
        }
        let collection = collection.to_lowercase();
        self.named.retain(|named| named.collection != collection);
        if !self.global {
            commands.extend(topics.into_iter().map(Command::Unsubscribe));
        }
    }

    /// What is new comes before the others go: no event falls between, and the hub tells none twice.
    fn go_global(&mut self, all: Vec<Topic>, commands: &mut Vec<Command>) {
        if !std::mem::replace(&mut self.global, true) {
            commands.extend(all.into_iter().map(Command::subscribe));
            commands.extend(self.topics().map(Command::Unsubscribe));
        }
    }

    fn go_local(&mut self, all: Vec<Topic>, commands: &mut Vec<Command>) {
        if std::mem::take(&mut self.global) {
            commands.extend(self.topics().map(Command::subscribe));
            commands.extend(all.into_iter().map(Command::Unsubscribe));
        }
    }

    fn topics(&self) -> impl Iterator<Item = Topic> {
        self.named.iter().flat_map(|named| &named.topics).cloned()
    }
}
