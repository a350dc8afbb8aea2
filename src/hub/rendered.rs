//! One event on its way to many readers: encoded at most once for each endpoint, and shown to each reader as
//! far as its identity may see it and its filters want it.

use std::borrow::Borrow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::missed::Missed;
use super::reader::{Reader, Standing};
use super::readers::Found;
use super::sight::tombstone;
use super::wishes::{Wanted, Wishes};
use super::{Delivery, Desk};
use crate::event::{Audience, Event, Topic};
use crate::identity::Identity;
use crate::message::{Frame, Halves, Publication, Rendering, Tag};

/// What the end of an item costs, and so each rendering of it.
const END_BYTES: usize = 512;
/// What a frame has beside the record, about.
const FRAME_BYTES: usize = 256;

/// Where goes what a reader is told of an event.
pub(super) trait Told {
    /// These frames.
    fn write<F: Borrow<Frame>>(&mut self, reader: &Reader, frames: impl Iterator<Item = F>);
    /// Nothing: it may not see it.
    fn hide(&mut self);
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Rendered {
    publication: Publication,
    desks: Arc<[Desk]>,
    renderings: Vec<OnceLock<Rendering>>,
    /// The same for the variants of subscriptions that are met, each with its endpoint, until
    /// [they are forgotten](Self::forget_variants): there may be as many as clients wish.
    variants: Mutex<Vec<(usize, u32, Arc<Rendering>)>>,
    /// The end of each item, for whom it belonged to; empty where none was moved.
    gone: Vec<OnceLock<Arc<Self>>>,
}

impl Rendered {
    pub(super) fn new(publication: Publication, desks: Arc<[Desk]>) -> Self {
        let renderings = vec![OnceLock::new(); desks.len()];
        let items = &publication.event.items;
        let is_moved = items.iter().any(|item| item.was.is_some());
        let gone = vec![OnceLock::new(); if is_moved { items.len() } else { 0 }];
        Self { publication, desks, renderings, variants: Mutex::default(), gone }
    }

    /// What was written.
    pub(super) fn event(&self) -> &Event {
        &self.publication.event
    }

    /// Sends a reader what it may see of what it wants, and the end of what it may see no more.
    pub(super) fn offer(&self, found: &Found, wishes: &Wishes<'_>, delivery: &mut Delivery) {
        self.tell(&found.reader, Some(found), wishes, delivery);
    }

    /// The same to a reader that had to wait for it. `topics` are those of the event.
    pub(super) fn offer_late(&self, reader: &Reader, topics: &[Topic], delivery: &mut Delivery) {
        self.tell(reader, None, &self.wishes(topics), delivery);
    }

    fn tell(&self, reader: &Reader, found: Option<&Found>, wishes: &Wishes<'_>, delivery: &mut Delivery) {
        let standing = reader.standing();
        let wanted = |wishes: &Wishes<'_>| match found {
            Some(found) => wishes.at(found, &standing),
            None => wishes.of(&standing),
        };
        self.tell_of(reader, &standing, (wishes, &wanted), delivery);
    }

    /// Tells what a reader missed of it; see [`Wishes::missed`].
    pub(super) fn tell_missed(
        &self,
        reader: &Reader,
        standing: &Standing,
        topics: &[Topic],
        missed: &mut Missed,
    ) {
        let wishes = self.wishes(topics).missed();
        self.tell_of(reader, standing, (&wishes, &|wishes| wishes.of(standing)), missed);
        self.forget_variants();
    }

    fn tell_of(
        &self,
        reader: &Reader,
        standing: &Standing,
        (wishes, wanted): (&Wishes<'_>, &dyn Fn(&Wishes<'_>) -> Wanted),
        told: &mut impl Told,
    ) {
        let all = wanted(wishes);
        if self.gone.is_empty() {
            self.show(reader, standing, (wishes, &all), told);
            return;
        }
        let (event, identity) = (&self.publication.event, &standing.identity);
        let is_lost =
            |item: &usize| event.items.get(*item).is_some_and(|item| identity.loses(&event.audience, item));
        let lost: Vec<usize> = (0..event.items.len()).filter(is_lost).collect();
        for end in lost.iter().filter_map(|item| self.end(*item)) {
            // What has become of the record says nothing of whether its end is wanted.
            let wishes = end.wishes_like(wishes);
            end.show(reader, standing, (&wishes, &wanted(&wishes)), told);
        }
        // Behind the ends: whoever has the last of it has all.
        if lost.is_empty() || may_read_any(identity, event, &all) {
            self.show(reader, standing, (wishes, &all), told);
        }
    }

    fn end(&self, item: usize) -> Option<&Self> {
        let Publication { time, event, .. } = &self.publication;
        let make = || {
            let event = Event { audience: Audience::Everyone, ..tombstone(event, item) };
            let position = self.publication.position_of(0);
            let publication = Publication { position, time: *time, event };
            Arc::new(Self::new(publication, Arc::clone(&self.desks)))
        };
        self.gone.get(item).map(|slot| &**slot.get_or_init(make))
    }

    pub(super) fn wishes_like<'a>(&'a self, other: &'a Wishes<'_>) -> Wishes<'a> {
        other.of_another(&self.publication)
    }

    /// What readers want of it by its own items; `topics` are those of the event that it is made of.
    pub(super) fn wishes<'a>(&'a self, topics: &'a [Topic]) -> Wishes<'a> {
        Wishes::new(&self.publication, topics)
    }

    /// Sends a reader what it may see of what it wants, at once: what came before it has left.
    pub(super) fn show(
        &self,
        reader: &Reader,
        standing: &Standing,
        (wishes, wanted): (&Wishes<'_>, &Wanted),
        told: &mut impl Told,
    ) {
        if wanted.is_nothing() {
            return;
        }
        let (event, identity) = (&self.publication.event, &standing.identity);
        if !may_read_any(identity, event, wanted) {
            told.hide();
            return;
        }
        match self.rendering(reader.endpoint) {
            Some(Rendering::Whole(frame)) if identity.may_read_all(event) => {
                told.write(reader, std::iter::once(frame));
            }
            Some(Rendering::Whole(_)) => told.hide(),
            Some(Rendering::Each(frames)) => {
                let frames = frames.iter().enumerate().filter(|(place, _)| wanted.has(*place));
                told.write(reader, visible(identity, event, frames).map(|(_, frame)| frame));
            }
            Some(Rendering::Tagged(items)) => {
                let items = items.iter().enumerate().filter(|(place, _)| wanted.has(*place));
                let frames = visible(identity, event, items).flat_map(|(place, halves)| {
                    let met = wishes.met(standing).filter(move |held| wishes.passes(held, place));
                    let tags = met.filter_map(|held| held.tag.as_ref());
                    tags.filter_map(move |tag| self.tagged(reader.endpoint, tag, (place, halves)))
                });
                told.write(reader, frames);
            }
            Some(Rendering::Nothing) | None => {}
        }
    }

    /// What a subscription is told of an item.
    fn tagged(&self, endpoint: usize, tag: &Tag, (place, halves): (usize, &Halves)) -> Option<Frame> {
        if tag.variant == 0 {
            return Some(halves.frame(&tag.text));
        }
        match &*self.variant(endpoint, tag.variant)? {
            Rendering::Tagged(items) => Some(items.get(place)?.as_ref()?.frame(&tag.text)),
            Rendering::Nothing | Rendering::Whole(_) | Rendering::Each(_) => None,
        }
    }

    /// How many renderings for variants it holds.
    #[cfg(test)]
    pub(super) fn variants(&self) -> usize {
        self.variants.lock().unwrap().len()
    }

    /// What it holds while it waits, about.
    pub(super) fn bytes(&self) -> usize {
        self.publication.event.bytes()
    }

    /// The same with all that may be rendered of it, but for variants.
    pub(super) fn bytes_at_most(&self) -> usize {
        let items = &self.event().items;
        let moved = items.iter().filter(|item| item.was.is_some()).count();
        let held = self.bytes().saturating_add(moved.saturating_mul(END_BYTES));
        let frames = held.saturating_add(items.len().max(1).saturating_mul(FRAME_BYTES));
        held.saturating_add(frames.saturating_mul(self.desks.len()))
    }

    /// What is kept of it holds none of them. They are rendered again for whoever comes later.
    pub(super) fn forget_variants(&self) {
        *self.variants.lock().unwrap_or_else(PoisonError::into_inner) = Vec::new();
        self.gone.iter().filter_map(OnceLock::get).for_each(|end| end.forget_variants());
    }

    fn rendering(&self, endpoint: usize) -> Option<&Rendering> {
        let (cell, desk) = (self.renderings.get(endpoint)?, self.desks.get(endpoint)?);
        Some(cell.get_or_init(|| desk.encode.encode(&self.publication)))
    }

    /// There are few of them, so they are looked through; under the lock, so that each is rendered once.
    fn variant(&self, endpoint: usize, variant: u32) -> Option<Arc<Rendering>> {
        let desk = self.desks.get(endpoint)?;
        let mut variants = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
        let known = variants.iter().find(|(at, number, _)| (*at, *number) == (endpoint, variant));
        if let Some((_, _, rendering)) = known {
            return Some(Arc::clone(rendering));
        }
        let rendering = Arc::new(desk.encode.encode_variant(&self.publication, variant));
        variants.push((endpoint, variant, Arc::clone(&rendering)));
        Some(rendering)
    }
}

fn may_read_any(identity: &Identity, event: &Event, wanted: &Wanted) -> bool {
    if event.items.is_empty() {
        return identity.may_read_all(event);
    }
    let mut wanted = event.items.iter().enumerate().filter(|(place, _)| wanted.has(*place));
    wanted.any(|(_, item)| identity.may_read(&event.audience, item))
}

/// Of what is said of items, by their places, what may be seen.
fn visible<'a, T: 'a>(
    identity: &Identity,
    event: &Event,
    said: impl Iterator<Item = (usize, &'a Option<T>)>,
) -> impl Iterator<Item = (usize, &'a T)> {
    let may_read =
        |place: usize| event.items.get(place).is_some_and(|item| identity.may_read(&event.audience, item));
    said.filter_map(move |(place, said)| Some(place).zip(said.as_ref().filter(|_| may_read(place))))
}
