//! Dialect `websocketspec` (`protocols.md`, section 5): clients read and write records by messages, which become
//! requests to the backend, and subscribe to entities. Each subscription has an id of its own, and gets a message
//! of its own for each record.

mod conversation;
mod course;
mod errand;
mod fault;
mod hooks;
mod settings;
mod subscriptions;
#[cfg(test)]
mod tests;
mod wanted;
mod words;

use std::sync::Arc;

use http::HeaderName;

use super::refused::{self, Refused};
use super::{Conversation, Dialect, Manner, Opening, Options};
use crate::event::{Event, Item, Json, Operation, Outcome};
use crate::message::{Encode, Publication, Rendering, Turn, Webhook};
use conversation::Client;
use hooks::Hooks;
use settings::Settings;

#[derive(Debug)]
pub(super) struct WebSocketSpec {
    settings: Arc<Settings>,
}

impl WebSocketSpec {
    pub(super) fn new(options: &dyn Options) -> Self {
        Self { settings: Arc::new(Settings::read(options)) }
    }
}

impl Dialect for WebSocketSpec {
    /// Nothing is said at once.
    fn open(&self, opening: &Opening<'_>, turn: &mut Turn) -> Box<dyn Conversation> {
        turn.close = refused::reason(opening);
        if turn.close.is_some() {
            return Box::new(Refused);
        }
        Box::new(Client::new(Arc::clone(&self.settings), opening, turn))
    }

    fn webhook(&self) -> Option<&Webhook> {
        self.settings.hooks.as_ref().map(Hooks::webhook)
    }

    fn manner(&self) -> Manner {
        self.settings.manner
    }

    fn calls(&self) -> Option<&[HeaderName]> {
        Some(&self.settings.forward_headers)
    }
}

impl Encode for WebSocketSpec {
    /// The dialect has no word for doubt, so what is uncertain is not told, nor what is no write of a record.
    fn encode(&self, publication: &Publication) -> Rendering {
        self.encode_variant(publication, 0)
    }

    /// Without what the rules hide from whoever subscribed with this number.
    fn encode_variant(&self, publication: &Publication, variant: u32) -> Rendering {
        let event = &publication.event;
        let is_write = matches!(event.operation, Operation::Create | Operation::Update | Operation::Delete);
        if !is_write || event.outcome != Outcome::Certain {
            return Rendering::Nothing;
        }
        let id_field = self.settings.resources.id_field(&event.model);
        let rules = self.settings.resources.rules(&event.model);
        let halves = |(place, item): (usize, &Item)| {
            let shown = rules.show(variant, &data(event, item, id_field));
            // What cannot be masked is not shown, and is an object all the same: clients read fields of it.
            let is_shown = shown.as_str() != "null";
            let data = if is_shown { shown } else { rules.show(variant, &data_of_id(item, id_field)) };
            Some(words::notification(publication, place, data.as_str()))
        };
        Rendering::Tagged(event.items.iter().enumerate().map(halves).collect())
    }
}

/// The record. Where it is gone or not known, an object all the same, since clients read fields of it.
fn data(event: &Event, item: &Item, id_field: &str) -> Json {
    let record = item.record.as_ref().filter(|_| event.operation != Operation::Delete);
    record.map_or_else(|| data_of_id(item, id_field), Json::clone)
}

fn data_of_id(item: &Item, id_field: &str) -> Json {
    let id = item.id.as_ref().map(|id| format!("{}:{}", Json::string(id_field).as_str(), id.as_str()));
    Json::from_valid(format!("{{{}}}", id.unwrap_or_default()))
}
