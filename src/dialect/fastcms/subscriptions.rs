//! What one connection is subscribed to, and what of it the hub has to know: while `*` is there, nothing
//! else.

use std::sync::Arc;

use super::collections::GLOBAL;
use super::fault::Fault;
use super::settings::Settings;
use crate::event::{Json, Topic};
use crate::filter::Filter;
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
    filter: Option<Arc<Filter>>,
}

impl Named {
    fn wanted(&self) -> impl Iterator<Item = (Topic, Option<Arc<Filter>>)> {
        self.topics.iter().map(|topic| (topic.clone(), self.filter.clone()))
    }
}

impl Subscriptions {
    /// All collections are subscribed to at once.
    pub(super) fn is_global(&self) -> bool {
        self.global
    }

    /// Adds one, or gives it another filter; that of `*` is nobody's.
    ///
    /// # Errors
    /// What is wrong with the filter, or that there are as many already as there may be.
    pub(super) fn add(
        &mut self,
        collection: &str,
        filter: Option<&Json>,
        settings: &Settings,
        commands: &mut Vec<Command>,
    ) -> Result<(), Fault> {
        let topics = settings.collections.topics(collection);
        if collection == GLOBAL {
            self.go_global(topics, commands);
            return Ok(());
        }
        let read = |filter| Filter::from_map(filter, settings.deletes).map_err(Fault::BadFilter);
        let filter = filter.map(read).transpose()?.flatten().map(Arc::new);
        let named = Named { collection: collection.to_lowercase(), topics, filter };
        let wanted = named.wanted().map(|(topic, filter)| Command::Subscribe { topic, filter, tag: None });
        let wanted: Vec<Command> = wanted.collect();
        self.put(named, settings.max_subscriptions)?;
        if !self.global {
            commands.extend(wanted);
        }
        Ok(())
    }

    fn put(&mut self, named: Named, limit: usize) -> Result<(), Fault> {
        if let Some(old) = self.named.iter_mut().find(|old| old.collection == named.collection) {
            *old = named;
        } else if self.named.len() < limit {
            self.named.push(named);
        } else {
            return Err(Fault::TooManySubscriptions(limit));
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
            commands.extend(topics.into_iter().map(Command::unsubscribe));
        }
    }

    /// In one step: no event falls between, and none comes twice.
    fn go_global(&mut self, all: Vec<Topic>, commands: &mut Vec<Command>) {
        if !std::mem::replace(&mut self.global, true) {
            let leave = self.named.iter().flat_map(|named| &named.topics).cloned().collect();
            let enter = all.into_iter().map(|topic| (topic, None)).collect();
            commands.push(Command::Swap { leave, enter });
        }
    }

    fn go_local(&mut self, all: Vec<Topic>, commands: &mut Vec<Command>) {
        if std::mem::take(&mut self.global) {
            let enter = self.named.iter().flat_map(Named::wanted).collect();
            commands.push(Command::Swap { leave: all, enter });
        }
    }
}
