//! Which users are at which node, as far as an endpoint tells that. Pure.
//!
//! Each node counts its own changes, and says with each of them the whole of what changed. Whoever misses one gets all
//! of that node's once more, in parts.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::hub::spread;
use crate::recent::Recent;

/// Users at other nodes that are known at most; further ones count as absent.
const MOST: usize = 1 << 18;
/// Nodes that are gone, and may come back.
const GONE: usize = 256;
/// Users in one part have so many bytes, about.
const PART_BYTES: usize = 256 * 1024;

/// A user at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) endpoint: Arc<str>,
    pub(super) user: Arc<str>,
}

/// What a node says of one place: how many connections are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// Of the node's changes it is this one, from 1.
    pub(super) version: u64,
    pub(super) place: Place,
    pub(super) count: u32,
}

/// Some of all that is at a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// The node's last change.
    pub(super) version: u64,
    /// Which part it is, from 0.
    pub(super) number: usize,
    /// So many there are.
    pub(super) parts: usize,
    pub(super) places: Vec<(Place, u32)>,
}

/// How many connections were and are at a place, at all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) place: Place,
    pub(super) before: u32,
    pub(super) after: u32,
    /// A node is gone or has come back; else it has told its part itself.
    pub(super) is_absence: bool,
}

/// What is known of one other node.
#[derive(Debug, Default)]
struct Known {
    version: u64,
    /// Nothing but parts is believed until all of them are there.
    is_lost: bool,
    parts: Vec<(Place, u32)>,
    next: usize,
    before: Before,
}

/// What is to be made of all that a node has, when it is told at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Before {
    /// Some of that is known.
    #[default]
    Known,
    /// Nothing was known: others have told of it.
    Strange,
    /// It was gone, and those that were there were told to have left.
    Gone,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Roster {
    version: u64,
    places: HashMap<Place, Vec<(Uuid, u32)>>,
    known: HashMap<Uuid, Known>,
    gone: Recent<Uuid, ()>,
}

impl Default for Roster {
    fn default() -> Self {
        let (places, known) = (HashMap::new(), HashMap::new());
        Self { version: 0, places, known, gone: Recent::new(GONE) }
    }
}

impl Roster {
    /// Of this node's own changes.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// So many more connections are at a place of this node, or so many fewer; of a user that is told of once, one.
    pub(super) fn change(&mut self, me: Uuid, place: Place, is_here: bool) -> (Change, Shift) {
        let held = self.places.get(&place).and_then(|held| held.iter().find(|(node, _)| *node == me));
        let count = held.map_or(0, |(_, count)| *count);
        let count = if is_here { count.saturating_add(1) } else { count.saturating_sub(1) };
        self.version += 1;
        let change = Change { version: self.version, place: place.clone(), count };
        (change, self.set(me, place, count, false))
    }

    /// Another node says what changed there; `None`: something is missing before it, and all is wanted once more.
    pub(super) fn hear(&mut self, node: Uuid, change: Change) -> Option<Vec<Shift>> {
        let known = self.meet(node, change.version.saturating_sub(1));
        if known.is_lost || change.version > known.version + 1 {
            known.is_lost = true;
            return None;
        }
        if change.version <= known.version {
            return Some(Vec::new());
        }
        known.version = change.version;
        Some(vec![self.set(node, change.place, change.count, false)])
    }

    /// A node says how many changes there were; whether all is wanted once more.
    pub(super) fn lacks(&mut self, node: Uuid, version: u64) -> bool {
        let known = self.meet(node, version);
        known.is_lost |= known.version != version;
        known.is_lost
    }

    /// Some of all that is at another node.
    pub(super) fn part(&mut self, node: Uuid, part: Part) -> Vec<Shift> {
        let known = self.meet(node, part.version);
        if !known.is_lost {
            return Vec::new();
        }
        if part.number == 0 {
            (known.next, known.parts) = (0, Vec::new());
        }
        if known.next != part.number || known.parts.len() >= MOST {
            return Vec::new();
        }
        known.next += 1;
        known.parts.extend(part.places);
        if known.next < part.parts {
            return Vec::new();
        }
        (known.version, known.is_lost) = (part.version, false);
        let before = std::mem::take(&mut known.before);
        let mut now: HashMap<Place, u32> = std::mem::take(&mut known.parts).into_iter().collect();
        for place in self.at(node) {
            now.entry(place).or_default();
        }
        let shifts =
            now.into_iter().map(|(place, count)| self.set(node, place, count, before == Before::Gone));
        let shifts: Vec<Shift> = shifts.filter(|shift| shift.before != shift.after).collect();
        if before == Before::Strange { Vec::new() } else { shifts }
    }

    /// A node is gone, with all that was there.
    pub(super) fn leave(&mut self, node: Uuid) -> Vec<Shift> {
        if self.known.remove(&node).is_some() {
            self.gone.insert(node, ());
        }
        self.at(node).into_iter().map(|place| self.set(node, place, 0, true)).collect()
    }

    /// All that is at this node.
    pub(super) fn parts(&self, me: Uuid) -> Vec<Part> {
        let mut parts: Vec<Vec<(Place, u32)>> = vec![Vec::new()];
        let mut bytes = 0;
        for (place, held) in &self.places {
            let Some((_, count)) = held.iter().find(|(node, _)| *node == me) else { continue };
            let more = place.endpoint.len() + place.user.len() + 40;
            if bytes + more > PART_BYTES {
                bytes = 0;
                parts.push(Vec::new());
            }
            bytes += more;
            if let Some(last) = parts.last_mut() {
                last.push((place.clone(), *count));
            }
        }
        let (version, count) = (self.version, parts.len());
        let part = |(number, places)| Part { version, number, parts: count, places };
        parts.into_iter().enumerate().map(part).collect()
    }

    /// `version`: as of which nothing would be missing of a node that nobody knew.
    fn meet(&mut self, node: Uuid, version: u64) -> &mut Known {
        let gone = &mut self.gone;
        self.known.entry(node).or_insert_with(|| {
            let was_gone = gone.get(&node).is_some();
            gone.remove(&node);
            let is_lost = version > 0;
            let before = match (was_gone, is_lost) {
                (true, _) => Before::Gone,
                (false, true) => Before::Strange,
                (false, false) => Before::Known,
            };
            Known { is_lost, before, ..Known::default() }
        })
    }

    fn at(&self, node: Uuid) -> Vec<Place> {
        let is_at = |held: &&Vec<(Uuid, u32)>| held.iter().any(|(of, _)| *of == node);
        let places = self.places.iter().filter(|(_, held)| is_at(held));
        places.map(|(place, _)| place.clone()).collect()
    }

    fn set(&mut self, node: Uuid, place: Place, count: u32, is_absence: bool) -> Shift {
        let total =
            |held: &Vec<(Uuid, u32)>| held.iter().map(|(_, count)| *count).fold(0, u32::saturating_add);
        let is_full = self.places.len() >= MOST && !self.places.contains_key(&place);
        if is_full || (count == 0 && !self.places.contains_key(&place)) {
            return Shift { place, before: 0, after: 0, is_absence };
        }
        let held = self.places.entry(place.clone()).or_default();
        let before = total(held);
        held.retain(|(of, _)| *of != node);
        if count > 0 {
            held.push((node, count));
        }
        let after = total(held);
        if held.is_empty() {
            self.places.remove(&place);
        }
        Shift { place, before, after, is_absence }
    }
}

/// Which of several nodes tells of a user: all of them choose the same, as long as they know of the same nodes (Thaler and
/// Ravishankar, "Using name-based mappings to increase hit rates", 1998).
pub(super) fn teller(place: &Place, nodes: impl Iterator<Item = Uuid>) -> Option<Uuid> {
    let weight = |node: &Uuid| {
        let seed = node.as_u128().to_be_bytes();
        spread(seed.into_iter().chain(place.endpoint.bytes()).chain(place.user.bytes()))
    };
    nodes.max_by_key(|node| (weight(node), *node))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn place(user: &str) -> Place {
        Place { endpoint: Arc::from("/ws"), user: Arc::from(user) }
    }

    fn said(shift: &Shift) -> String {
        let absence = if shift.is_absence { " absence" } else { "" };
        format!("{} {}-{}{absence}", shift.place.user, shift.before, shift.after)
    }

    fn all(shifts: &[Shift]) -> Vec<String> {
        let mut said: Vec<String> = shifts.iter().map(said).collect();
        said.sort_unstable();
        said
    }

    /// All that `from` has, as `to` takes it.
    fn tell_all(from: &Roster, to: &mut Roster) -> Vec<String> {
        assert!(to.lacks(B, from.version()));
        from.parts(B).into_iter().map(|part| to.part(B, part)).last().map(|shifts| all(&shifts)).unwrap()
    }

    #[test]
    fn a_user_of_two_nodes_has_come_once_and_left_once() {
        let (mut a, mut b) = (Roster::default(), Roster::default());
        assert_eq!(said(&a.change(A, place("ann"), true).1), "ann 0-1");
        let (change, _) = b.change(B, place("ann"), true);
        assert_eq!(all(&a.hear(B, change.clone()).unwrap()), ["ann 1-2"]);
        assert_eq!(all(&a.hear(B, change).unwrap()), [""; 0], "it was heard before");
        assert_eq!(said(&a.change(A, place("ann"), false).1), "ann 2-1");
        assert_eq!(all(&a.hear(B, b.change(B, place("ann"), false).0).unwrap()), ["ann 1-0"]);
        assert!(a.places.is_empty() && b.places.is_empty());
    }

    #[test]
    fn what_was_missed_is_got_by_all_of_it() {
        let (mut a, mut b) = (Roster::default(), Roster::default());
        a.hear(B, b.change(B, place("ann"), true).0).unwrap();
        b.change(B, place("ann"), false);
        let (change, _) = b.change(B, place("bob"), true);
        assert_eq!(a.hear(B, change), None);
        assert_eq!(tell_all(&b, &mut a), ["ann 1-0", "bob 0-1"]);
        assert!(!a.lacks(B, 3) && a.lacks(B, 4));
    }

    #[test]
    fn those_of_a_node_that_is_gone_have_left_and_come_back_with_it() {
        let (mut a, mut b) = (Roster::default(), Roster::default());
        a.hear(B, b.change(B, place("ann"), true).0).unwrap();
        a.hear(B, b.change(B, place("ann"), true).0).unwrap();
        assert_eq!(all(&a.leave(B)), ["ann 2-0 absence"]);
        assert_eq!(all(&a.leave(B)), [""; 0]);
        assert_eq!(tell_all(&b, &mut a), ["ann 0-2 absence"]);
    }

    #[test]
    fn of_those_who_were_there_before_a_node_came_others_have_told() {
        let (mut late, mut b) = (Roster::default(), Roster::default());
        b.change(B, place("ann"), true);
        assert_eq!(tell_all(&b, &mut late), [""; 0]);
        assert_eq!(all(&late.hear(B, b.change(B, place("ann"), false).0).unwrap()), ["ann 1-0"]);
    }

    #[test]
    fn many_are_told_in_parts_of_which_none_may_be_missing() {
        let (mut a, mut b) = (Roster::default(), Roster::default());
        for user in 0..9000 {
            b.change(B, place(&user.to_string()), true);
        }
        let parts = b.parts(B);
        assert!(parts.len() > 1);
        assert!(a.lacks(B, b.version()));
        for part in parts.iter().skip(1) {
            assert_eq!(a.part(B, part.clone()), []);
        }
        assert!(a.lacks(B, b.version()) && a.places.is_empty());
        tell_all(&b, &mut a);
        assert_eq!(a.places.len(), 9000);
        assert!(!a.lacks(B, b.version()));
    }

    #[test]
    fn nodes_agree_on_who_tells_and_share_that_out() {
        let mut told = HashMap::new();
        for user in 0..3000 {
            let place = place(&user.to_string());
            let teller = teller(&place, [A, B, Uuid::max()].into_iter()).unwrap();
            assert_eq!(Some(teller), super::teller(&place, [Uuid::max(), B, A].into_iter()));
            *told.entry(teller).or_insert(0) += 1;
        }
        assert!(told.len() == 3 && told.values().all(|count| *count > 500), "{told:?}");
        assert_eq!(teller(&place("a"), std::iter::empty()), None);
    }
}
