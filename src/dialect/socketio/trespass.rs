//! Rooms in which clients are by what their tokens say, and which others could join by what they say themselves.

use std::collections::HashSet;

use super::namespace::Namespace;
use super::request::Request;
use super::scope::Root;
use super::template::{Piece, Place, Text};

/// A piece of what a room may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Letter(char),
    /// Any text, or none.
    Any,
}

/// More names than these are not told apart.
const MAX_NAMES: usize = 1000;

/// One sentence for each event by which anybody could join such a room.
pub(super) fn warnings(namespace: &Namespace) -> Vec<String> {
    let mut requests: Vec<&Request> = namespace.requests.values().map(|request| &**request).collect();
    requests.sort_by_key(|request| &request.event);
    requests.into_iter().filter_map(|request| warning(namespace, request)).collect()
}

fn warning(namespace: &Namespace, request: &Request) -> Option<String> {
    let joined = joined(namespace, request)?;
    let is_joined = |room: &&Text| {
        let rooms = names(room, |_| None);
        rooms.iter().any(|room| joined.iter().any(|name| meet(name, room, &mut HashSet::new())))
    };
    let room = namespace.private().find(is_joined)?;
    Some(format!(
        "by \"{}\" any client in {} joins rooms like \"{room}\", in which others are by what their tokens say: allowed, \
         own, permit or a request to the backend say who may",
        request.event, namespace.name
    ))
}

/// What the room may be called that is joined by this event; `None`: nobody chooses it, or something says who may.
fn joined(namespace: &Namespace, request: &Request) -> Option<Vec<Vec<Sign>>> {
    let text = request.join.as_ref().filter(|_| request.is_for_anybody())?;
    let is_chosen = |piece: &Piece| match piece {
        Piece::Place(place) => said(place).is_some_and(|name| !namespace.is_own(name)),
        Piece::Literal(_) => false,
    };
    let is_plain = |place: &Place| place.path().len() == 1;
    let choices =
        |place: &Place| said(place).filter(|_| is_plain(place)).and_then(|name| request.allowed(name));
    text.pieces().iter().any(is_chosen).then(|| names(text, choices))
}

/// The name that a place has in what clients say.
fn said(place: &Place) -> Option<&str> {
    let name = place.path().first().map_or("", String::as_str);
    (place.root() == Root::Data).then_some(name)
}

/// All that a text may become; `choices`: of a place that may not be anything.
fn names(text: &Text, choices: impl Fn(&Place) -> Option<Vec<String>>) -> Vec<Vec<Sign>> {
    let letters = |text: &str| text.chars().map(Sign::Letter).collect::<Vec<_>>();
    let mut names = vec![Vec::new()];
    for piece in text.pieces() {
        let ends = match piece {
            Piece::Literal(text) => vec![letters(text)],
            Piece::Place(place) => choices(place).map_or_else(
                || vec![vec![Sign::Any]],
                |choices| choices.iter().map(|text| letters(text)).collect(),
            ),
        };
        if names.len().saturating_mul(ends.len()) > MAX_NAMES {
            return vec![vec![Sign::Any]];
        }
        names = names.iter().flat_map(|name| ends.iter().map(|end| [&name[..], &end[..]].concat())).collect();
    }
    names
}

/// Whether there is a text that is both; `apart`: the lengths of what is known to be no such text.
fn meet(one: &[Sign], other: &[Sign], apart: &mut HashSet<(usize, usize)>) -> bool {
    if apart.contains(&(one.len(), other.len())) {
        return false;
    }
    let is_met = match (one.split_first(), other.split_first()) {
        (None, None) => true,
        (Some((Sign::Any, rest)), behind) => {
            meet(rest, other, apart) || behind.is_some_and(|(_, behind)| meet(one, behind, apart))
        }
        (behind, Some((Sign::Any, rest))) => {
            meet(one, rest, apart) || behind.is_some_and(|(_, behind)| meet(behind, other, apart))
        }
        (Some((a, rest)), Some((b, behind))) => a == b && meet(rest, behind, apart),
        (None, Some(_)) | (Some(_), None) => false,
    };
    if !is_met {
        apart.insert((one.len(), other.len()));
    }
    is_met
}
