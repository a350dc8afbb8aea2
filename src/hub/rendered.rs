//! One event on its way to many readers: encoded at most once for each endpoint, and shown to each reader as
//! far as its identity may see it.

use std::sync::{Arc, OnceLock, PoisonError};

use super::sight::tombstone;
use super::{Delivery, Desk, Reader};
use crate::event::{Audience, Event};
use crate::identity::Identity;
use crate::message::{Frame, Publication, Rendering};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Rendered {
    publication: Publication,
    desks: Arc<[Desk]>,
    renderings: Vec<OnceLock<Rendering>>,
    /// The end of each item, for whom it belonged to; empty where none was moved.
    gone: Vec<OnceLock<Arc<Self>>>,
}

/// How frames go to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Behind what waits for it.
    InLine,
    /// At once: what came before it has left.
    Direct,
}

impl Rendered {
    pub(super) fn new(publication: Publication, desks: Arc<[Desk]>) -> Self {
        let renderings = vec![OnceLock::new(); desks.len()];
        let items = &publication.event.items;
        let is_moved = items.iter().any(|item| item.was.is_some());
        let gone = vec![OnceLock::new(); if is_moved { items.len() } else { 0 }];
        Self { publication, desks, renderings, gone }
    }

    /// Sends a reader what it may see, and the end of what it may see no more; once.
    pub(super) fn offer(&self, reader: &Reader, delivery: &mut Delivery) {
        if !reader.is_first(self.publication.position.0) {
            return;
        }
        if self.gone.is_empty() {
            self.show(reader, delivery, Way::InLine);
            return;
        }
        let (event, identity) = (&self.publication.event, reader.identity());
        let is_lost =
            |item: &usize| event.items.get(*item).is_some_and(|item| identity.loses(&event.audience, item));
        let lost: Vec<usize> = (0..event.items.len()).filter(is_lost).collect();
        if lost.is_empty() || may_read_any(&identity, event) {
            self.show(reader, delivery, Way::InLine);
        }
        for item in lost {
            self.end(item).inspect(|end| end.show(reader, delivery, Way::InLine));
        }
    }

    fn end(&self, item: usize) -> Option<&Self> {
        let Publication { position, time, event } = &self.publication;
        let make = || {
            let event = Event { audience: Audience::Everyone, ..tombstone(event, item) };
            let publication = Publication { position: *position, time: *time, event };
            Arc::new(Self::new(publication, Arc::clone(&self.desks)))
        };
        self.gone.get(item).map(|slot| &**slot.get_or_init(make))
    }

    /// Sends a reader what it may see.
    pub(super) fn show(&self, reader: &Reader, delivery: &mut Delivery, way: Way) {
        let event = &self.publication.event;
        let identity = reader.identity.read().unwrap_or_else(PoisonError::into_inner);
        if !may_read_any(&identity, event) {
            delivery.hidden += 1;
            return;
        }
        match self.rendering(reader.endpoint) {
            Some(Rendering::Whole(frame)) if identity.may_read_all(event) => {
                drop(identity);
                delivery.send(reader, std::iter::once(frame), way);
            }
            Some(Rendering::Whole(_)) => delivery.hidden += 1,
            Some(Rendering::Each(frames)) => delivery.send(reader, visible(&identity, event, frames), way),
            Some(Rendering::Nothing) | None => {}
        }
    }

    fn rendering(&self, endpoint: usize) -> Option<&Rendering> {
        let (cell, desk) = (self.renderings.get(endpoint)?, self.desks.get(endpoint)?);
        Some(cell.get_or_init(|| desk.encode.encode(&self.publication)))
    }
}

fn may_read_any(identity: &Identity, event: &Event) -> bool {
    match event.items.as_slice() {
        [] => identity.may_read_all(event),
        items => items.iter().any(|item| identity.may_read(&event.audience, item)),
    }
}

fn visible<'a>(
    identity: &Identity,
    event: &Event,
    frames: &'a [Option<Frame>],
) -> impl Iterator<Item = &'a Frame> {
    let items = event.items.iter().zip(frames);
    items.filter_map(|(item, frame)| frame.as_ref().filter(|_| identity.may_read(&event.audience, item)))
}
