//! One event on its way to many readers: encoded at most once for each endpoint, and shown to each reader as
//! far as its identity may see it.

use std::cell::OnceCell;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{Delivery, Desk, Reader};
use crate::event::Event;
use crate::identity::Identity;
use crate::message::{Frame, Publication, Rendering};

/// See the module's documentation.
pub(super) struct Rendered<'a> {
    publication: Publication,
    desks: &'a [Desk],
    renderings: Vec<OnceCell<Rendering>>,
}

impl<'a> Rendered<'a> {
    pub(super) fn new(publication: Publication, desks: &'a [Desk]) -> Self {
        Self { publication, desks, renderings: vec![OnceCell::new(); desks.len()] }
    }

    /// Sends a reader what it may see, once.
    pub(super) fn offer(&self, reader: &Reader, delivery: &mut Delivery) {
        let position = self.publication.position.0;
        // Events come one at a time, so nobody else writes it.
        if reader.seen.load(Ordering::Relaxed) >= position {
            return;
        }
        reader.seen.store(position, Ordering::Relaxed);
        let event = &self.publication.event;
        let identity = reader.identity.read().unwrap_or_else(PoisonError::into_inner);
        if !may_read_any(&identity, event) {
            delivery.hidden += 1;
            return;
        }
        match self.rendering(reader.endpoint) {
            Some(Rendering::Whole(frame)) if identity.may_read_all(event) => {
                drop(identity);
                delivery.send(reader, std::iter::once(frame));
            }
            Some(Rendering::Whole(_)) => delivery.hidden += 1,
            Some(Rendering::Each(frames)) => delivery.send(reader, visible(&identity, event, frames)),
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
