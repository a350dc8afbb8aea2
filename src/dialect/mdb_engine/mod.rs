//! Dialect `mdb_engine` (`protocols.md`, section 2): applications with endpoints. Everybody at an endpoint gets
//! what is broadcast to its application, and the writes of its models; what clients say has no meaning here.

mod conversation;
mod dress;
mod manifest;
mod settings;
mod template;
#[cfg(test)]
mod tests;
mod webhook;

use std::sync::Arc;
use std::time::SystemTime;

use super::{Conversation, Dialect, Manner, Opening, Options, Places};
use crate::event::Position;
use crate::message::{Encode, Frame, Publication, Push, Rendering, Turn, Webhook};
pub use manifest::{Declaration, Entry, read_manifest};
use settings::Settings;
use webhook::Hook;

#[derive(Debug)]
pub(super) struct MdbEngine(Arc<Settings>);

impl MdbEngine {
    pub(super) fn new(options: &dyn Options) -> Self {
        Self(Arc::new(Settings::read(options)))
    }
}

impl Dialect for MdbEngine {
    fn open(&self, opening: &Opening<'_>, turn: &mut Turn) -> Box<dyn Conversation> {
        conversation::open(&self.0, opening, turn)
    }

    fn manner(&self) -> Manner {
        Manner::Accept
    }

    fn app(&self) -> Option<Arc<str>> {
        Some(Arc::clone(&self.0.app))
    }

    fn models(&self) -> Option<&[String]> {
        self.0.models()
    }

    fn shows_requests(&self) -> bool {
        self.0.templates.show_requests()
    }

    fn webhook(&self) -> Option<&Webhook> {
        self.0.hook.as_ref().map(Hook::webhook)
    }

    fn wants_token(&self) -> bool {
        true
    }

    fn places(&self) -> Places {
        Places::QueryAndCookies
    }

    fn cookies(&self) -> &'static [&'static str] {
        &["ws_token", "token"]
    }
}

impl Encode for MdbEngine {
    /// One message for each record: each says of one what became of it, and may be for other readers.
    fn encode(&self, publication: &Publication) -> Rendering {
        let event = &publication.event;
        if !self.0.has_model(&event.model) {
            return Rendering::Nothing;
        }
        let message = |place, item| {
            let text = self.0.templates.message(event, item)?;
            let mut text = dress::dress(&text, &self.0.app, publication.time)?;
            text.insert_str(text.len() - 1, &publication.position_of(place).member());
            Some(Frame::text(&text))
        };
        match event.items.as_slice() {
            // A list that is not known: something was written.
            [] => message(0, None).map_or(Rendering::Nothing, Rendering::Whole),
            items => {
                let items = items.iter().enumerate();
                Rendering::Each(items.map(|(place, item)| message(place, Some(item))).collect())
            }
        }
    }

    fn push(&self, push: &Push, time: SystemTime, _: Position) -> Option<Frame> {
        dress::dress(push.message.as_str(), &self.0.app, time).map(|text| Frame::text(&text))
    }
}
