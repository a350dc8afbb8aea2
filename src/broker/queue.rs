//! The bounded queue in front of the hub's worker.
//!
//! A channel wakes its receiver for every item: at twenty thousand writes a second that is a system call
//! on each request's task and two context switches for each event. So the worker takes all that waits at
//! once, and after that it looks again in [`LINGER`] before it really goes to sleep; meanwhile nobody
//! needs to wake it. An event that meets a sleeping worker is taken at once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long an event may wait for others behind it. bench/README.md has what it gains.
const LINGER: Duration = Duration::from_millis(1);

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    capacity: usize,
    /// What may wait beside that.
    aside: usize,
}

#[derive(Debug)]
struct State<T> {
    items: Vec<T>,
    /// Of these, the ones that stand aside.
    aside: usize,
    /// Of these, such as need no room.
    guests: usize,
    /// Items that found no room, ever.
    refused: u64,
    asleep: bool,
    closed: bool,
}

impl<T> Queue<T> {
    /// `capacity` items may wait, and beside them `aside` of the kind that has a room of its own.
    pub(super) fn new(capacity: usize, aside: usize) -> Self {
        let state =
            State { items: Vec::new(), aside: 0, guests: 0, refused: 0, asleep: false, closed: false };
        Self { state: Mutex::new(state), filled: Condvar::new(), capacity, aside }
    }

    /// Adds an item; `false`, without it, where `capacity` wait already. Never waits.
    pub(super) fn push(&self, item: T) -> bool {
        self.add(item, self.capacity, 1)
    }

    /// The same for an item that nobody misses where there is no room: it does not count as refused.
    pub(super) fn offer(&self, item: T) -> bool {
        self.add(item, self.capacity, 0)
    }

    /// The same for one that stands in line with all others and takes no room from them.
    pub(super) fn offer_aside(&self, item: T) -> bool {
        let mut state = self.lock();
        if state.aside >= self.aside {
            return false;
        }
        state.aside += 1;
        self.enter(state, item);
        true
    }

    /// Adds an item of which whoever adds them has a bound: it is not refused, and takes no room from others.
    pub(super) fn admit(&self, item: T) {
        let mut state = self.lock();
        state.guests += 1;
        self.enter(state, item);
    }

    /// The same for an item of which it is no loss at all if it goes: only half of the room is for those.
    pub(super) fn try_offer(&self, item: T) -> bool {
        self.add(item, self.capacity.div_ceil(2), 0)
    }

    fn add(&self, item: T, room: usize, missed: u64) -> bool {
        let mut state = self.lock();
        if state.items.len() - state.aside - state.guests >= room {
            state.refused += missed;
            return false;
        }
        self.enter(state, item);
        true
    }

    fn enter(&self, mut state: MutexGuard<'_, State<T>>, item: T) {
        state.items.push(item);
        if std::mem::take(&mut state.asleep) {
            self.filled.notify_one();
        }
    }

    /// Items that wait.
    pub(super) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Nothing is added any more: the worker ends once the queue is empty.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    /// Waits for items and puts all of them into `batch`, which must be empty. Returns how many found no
    /// room until now, or `None` at the end. A refused item means that others wait, so whoever takes those
    /// learns of it.
    pub(super) fn take(&self, batch: &mut Vec<T>) -> Option<u64> {
        let mut state = self.lock();
        if state.items.is_empty() && !state.closed {
            drop(state);
            thread::sleep(LINGER);
            state = self.lock();
        }
        while state.items.is_empty() {
            if state.closed {
                return None;
            }
            state.asleep = true;
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut state.items, batch);
        (state.aside, state.guests) = (0, 0);
        Some(state.refused)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing under the lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn items_arrive_in_order_and_the_end_comes_after_the_last() {
        let queue = Arc::new(Queue::new(1 << 20, 0));
        let reader = Arc::clone(&queue);
        let worker = thread::spawn(move || {
            let (mut batch, mut all) = (Vec::new(), Vec::new());
            while reader.take(&mut batch).is_some() {
                all.append(&mut batch);
            }
            all
        });
        for number in 0..10_000 {
            assert!(queue.push(number));
        }
        queue.close();
        assert_eq!(worker.join().unwrap(), (0..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_full_queue_refuses_and_takes_again_once_it_was_emptied() {
        let queue = Queue::new(2, 0);
        assert!(queue.push(1) && queue.push(2) && !queue.push(3));
        let mut batch = Vec::new();
        assert_eq!(queue.take(&mut batch), Some(1));
        assert_eq!((batch.as_slice(), queue.len()), ([1, 2].as_slice(), 0));
        assert!(queue.push(4));
    }

    #[test]
    fn what_stands_aside_keeps_its_turn_and_takes_no_room() {
        let queue = Queue::new(2, 1);
        for _ in 0..2 {
            assert!(queue.push(1) && queue.offer_aside(2) && !queue.offer_aside(3));
            assert!(queue.push(4) && !queue.offer(5));
            let mut batch = Vec::new();
            assert_eq!(queue.take(&mut batch), Some(0));
            assert_eq!(batch, [1, 2, 4]);
        }
    }

    #[test]
    fn what_is_no_loss_gets_half_of_the_room() {
        let queue = Queue::new(3, 1);
        assert!(queue.try_offer(1) && queue.try_offer(2) && !queue.try_offer(3));
        assert!(queue.push(4) && !queue.try_offer(5));
        assert_eq!(queue.take(&mut Vec::new()), Some(0), "nobody missed anything");
    }
}
