//! What stands in the place of a letter that has more bytes than the server takes: it would never leave, and nothing
//! behind it.

use bytes::Bytes;
use uuid::Uuid;

use super::super::Parcel;
use super::super::wire::{Content, Letter};
use crate::event::Json;
use crate::message::{Group, Push, Target};

/// An event without its records, which readers ask for then; the word that it is lost, where nothing else would do.
pub(super) fn event(letter: &[u8], (node, number): (Uuid, u64), largest: usize) -> Bytes {
    let size = letter.len();
    if let Some(smaller) = without_records(letter).filter(|smaller| smaller.len() <= largest) {
        tracing::warn!(size, largest, "an event is larger than the broker takes, and has no record");
        return smaller;
    }
    tracing::error!(size, largest, "an event is larger than the broker takes, and lost");
    Letter { node, number, content: Content::Lost, asks: None }.write()
}

fn without_records(letter: &[u8]) -> Option<Bytes> {
    let Letter { node, number, content: Content::Parcel(parcel), asks } = Letter::read(letter).ok()? else {
        return None;
    };
    let Parcel::Event(mut event) = *parcel else { return None };
    event.request_body = None;
    event.items.iter_mut().for_each(|item| (item.record, item.partial) = (None, false));
    let content = Content::Parcel(Box::new(Parcel::Event(event)));
    Some(Letter { node, number, content, asks }.write())
}

/// A word for nobody, since the numbers of letters go on without gaps.
pub(super) fn word(letter: &[u8], (node, number): (Uuid, u64), largest: usize) -> Bytes {
    tracing::warn!(size = letter.len(), largest, "a message is larger than the broker takes, and dropped");
    let only = Group { connections: vec![Uuid::nil()], ..Group::default() };
    let push = Push::new(Target { only, ..Target::default() }, Json::string(""));
    let content = Content::Parcel(Box::new(Parcel::Push(push)));
    Letter { node, number, content, asks: None }.write()
}
