//! Dialect `fastcms` (`protocols.md`, section 3): clients subscribe to collections by messages, may say who
//! they are at any time, and get one message for each record.

mod action;
mod collections;
mod conversation;
mod fault;
mod presence;
mod pulse;
mod settings;
mod stats;
mod subscriptions;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use http::HeaderName;
use serde_json::Value;

use super::{Conversation, Dialect, Manner, Opening, Options, Report};
use crate::event::{Event, Item, Json, Operation, Outcome};
use crate::message::{Doorman, Encode, Frame, Publication, Rendering, Turn};
use crate::time::iso;
use collections::COLLECTIONS;
use conversation::Client;
use presence::Presence;
use settings::Settings;
use stats::{Access, Stats};

#[derive(Debug)]
pub(super) struct FastCms {
    settings: Arc<Settings>,
    presence: Arc<Presence>,
    stats: Stats,
}

impl FastCms {
    pub(super) fn new(options: &dyn Options) -> Self {
        let settings = Arc::new(Settings::read(options));
        let stats = settings::stats(options, Arc::clone(&settings));
        Self { settings, presence: Arc::new(settings::presence(options)), stats }
    }
}

impl Dialect for FastCms {
    fn open(&self, opening: &Opening<'_>, turn: &mut Turn) -> Box<dyn Conversation> {
        let (settings, presence) = (Arc::clone(&self.settings), Arc::clone(&self.presence));
        Box::new(Client::open(settings, presence, opening, turn))
    }

    /// A bad token is answered by a message.
    fn manner(&self) -> Manner {
        Manner::Accept
    }

    fn calls(&self) -> Option<&[HeaderName]> {
        self.settings.snapshots.calls()
    }

    fn doorman(&self) -> Option<Arc<dyn Doorman>> {
        self.presence.is_told().then(|| Arc::clone(&self.presence) as Arc<dyn Doorman>)
    }

    fn report(&self) -> Option<&dyn Report> {
        (self.stats.access != Access::Off).then_some(&self.stats)
    }
}

impl Encode for FastCms {
    /// The dialect has no word for doubt, so what is uncertain is not told.
    fn encode(&self, publication: &Publication) -> Rendering {
        let event = &publication.event;
        let is_schema = self.settings.collections.is_schema(&event.model);
        let (Outcome::Certain, Some(kind)) = (event.outcome, kind(event, is_schema)) else {
            return Rendering::Nothing;
        };
        let collection = if is_schema { COLLECTIONS } else { &event.model };
        let (kind, collection) = (Value::from(kind), Value::from(collection));
        let (time, delivered) = (iso(event.time), iso(publication.time));
        let frame = |(place, item): (usize, &Item)| {
            let position = publication.position_of(place).member();
            let id = item.id.as_ref().map_or("null", Json::as_str);
            let schema = is_schema.then(|| collections::schema(item)).flatten();
            let data = schema.unwrap_or_else(|| data(item));
            Some(Frame::text(&format!(
                r#"{{"type":"event","data":{{"type":{kind},"collection":{collection},"record_id":{id},"data":{data},"timestamp":"{time}"}},"timestamp":"{delivered}"{position}}}"#
            )))
        };
        Rendering::Each(event.items.iter().enumerate().map(frame).collect())
    }
}

/// What happened, in this dialect's words.
fn kind(event: &Event, is_schema: bool) -> Option<String> {
    let done = match event.operation {
        Operation::Create => "created",
        Operation::Update => "updated",
        Operation::Delete => "deleted",
        Operation::Custom => return Some(event.action.as_deref().unwrap_or("custom").to_owned()),
        Operation::Read => return None,
    };
    Some(format!("{}.{done}", if is_schema { "collection" } else { "record" }))
}

/// The record. Where there is none, an object all the same, since pages read fields of it: with the id as
/// after a deletion.
fn data(item: &Item) -> String {
    match (&item.record, &item.id) {
        (Some(record), _) => record.as_str().to_owned(),
        (None, Some(id)) => format!(r#"{{"id":{}}}"#, id.as_str()),
        (None, None) => "{}".to_owned(),
    }
}
