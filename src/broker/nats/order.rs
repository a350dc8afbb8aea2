//! Publications in the log's order. The server publishes what two writers send at the same moment in any order. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::broker::Entry;

/// So many wait for one that is left out at most.
const HELD: usize = 128;

/// What has come and was not given out yet, because something before it has not come.
#[derive(Debug)]
pub(super) struct Order {
    /// The last that was given out.
    last: u64,
    held: BTreeMap<u64, Bytes>,
}

impl Order {
    /// Behind an offset.
    pub(super) fn new(last: u64) -> Self {
        Self { last, held: BTreeMap::new() }
    }

    /// The last that has come.
    pub(super) fn last(&self) -> u64 {
        self.held.last_key_value().map_or(self.last, |(offset, _)| *offset)
    }

    /// Something waits.
    pub(super) fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// False where what comes now was given out, or left out, before.
    pub(super) fn add(&mut self, entry: Entry) -> bool {
        let is_new = entry.offset > self.last;
        if is_new {
            self.held.insert(entry.offset, entry.bytes);
        }
        is_new
    }

    /// The next one, where it follows or too many wait.
    pub(super) fn next(&mut self) -> Option<Entry> {
        let (first, _) = self.held.first_key_value()?;
        if *first == self.last + 1 || self.held.len() > HELD { self.leap() } else { None }
    }

    /// The next one that has come, whatever is left out before it.
    pub(super) fn leap(&mut self) -> Option<Entry> {
        let (offset, bytes) = self.held.pop_first()?;
        self.last = offset;
        Some(Entry { offset, bytes })
    }

    /// Up to this offset nothing comes any more.
    pub(super) fn skip(&mut self, offset: u64) {
        self.last = self.last.max(offset);
        self.held.retain(|held, _| *held > offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(order: &mut Order, offset: u64) -> bool {
        order.add(Entry { offset, bytes: Bytes::new() })
    }

    fn given(order: &mut Order) -> Vec<u64> {
        std::iter::from_fn(|| order.next()).map(|entry| entry.offset).collect()
    }

    #[test]
    fn what_comes_out_of_order_is_given_in_order() {
        let mut order = Order::new(4);
        assert!(add(&mut order, 7) && add(&mut order, 6));
        assert_eq!((given(&mut order), order.last(), order.is_waiting()), (vec![], 7, true));
        assert!(add(&mut order, 5));
        assert_eq!((given(&mut order), order.is_waiting()), (vec![5, 6, 7], false));
        assert!(!add(&mut order, 6));
    }

    #[test]
    fn what_does_not_come_is_left_out() {
        let mut order = Order::new(0);
        assert!(add(&mut order, 2) && add(&mut order, 3));
        assert_eq!(order.leap().unwrap().offset, 2);
        assert_eq!(given(&mut order), [3]);
        assert!(!add(&mut order, 1));
        for offset in 5..5 + HELD as u64 {
            assert!(add(&mut order, offset));
            assert!(given(&mut order).is_empty());
        }
        assert!(add(&mut order, 1000));
        assert_eq!(given(&mut order).len(), HELD);
        order.skip(1000);
        assert_eq!((order.last(), order.is_waiting()), (1000, false));
    }
}
