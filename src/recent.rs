//! A bounded table that forgets what was not written for the longest time, half of itself at once.
//!
//! It holds two generations. Where the young one is full, it becomes the old one, and what was the old one is
//! forgotten. So the last entries that were written are known, as many as one generation takes, and never more
//! than twice as many are held.

use std::collections::HashMap;
use std::hash::Hash;

/// See the module's documentation.
#[derive(Debug)]
pub struct Recent<K, V> {
    /// Entries of one generation.
    half: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    /// Remembers the last `half` entries at least, and twice as many at most.
    pub fn new(half: usize) -> Self {
        Self { half, young: HashMap::new(), old: HashMap::new() }
    }

    /// What was last written there.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.young.get_mut(key).or_else(|| self.old.get_mut(key))
    }

    /// Returns what was forgotten for it: mostly nothing. Among it may be values that were replaced since.
    pub fn insert(&mut self, key: K, value: V) -> HashMap<K, V> {
        let mut forgotten = HashMap::new();
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        }
        self.young.insert(key, value);
        forgotten
    }

    /// Forgets one entry.
    pub fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: u32 = 3;

    fn written(count: u32) -> (Recent<u32, u32>, Vec<u32>) {
        let mut recent = Recent::new(HALF as usize);
        let forgotten = (0..count).flat_map(|key| recent.insert(key, key).into_values()).collect();
        (recent, forgotten)
    }

    fn held(recent: &Recent<u32, u32>) -> Vec<u32> {
        (0..100).filter(|key| recent.get(key).is_some()).collect()
    }

    #[test]
    fn the_last_entries_are_known_and_the_others_were_handed_out() {
        for count in 0..20 {
            let (recent, mut forgotten) = written(count);
            let held = held(&recent);
            assert!(held.len() >= count.min(HALF) as usize && held.len() <= 2 * HALF as usize, "{held:?}");
            forgotten.sort_unstable();
            assert_eq!([forgotten, held].concat(), (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_value_that_was_replaced_is_forgotten_and_the_last_one_stays() {
        let (mut recent, _) = written(HALF + 1);
        for value in [10, 11] {
            assert!(recent.insert(1, value).is_empty());
            assert_eq!(recent.get(&1), Some(&value));
        }
        assert!(recent.insert(20, 20).is_empty());
        assert_eq!(recent.insert(21, 21), HashMap::from([(0, 0), (1, 1), (2, 2)]));
        assert_eq!(recent.get(&1), Some(&11));
    }

    #[test]
    fn what_is_removed_does_not_come_back_from_the_older_half() {
        let (mut recent, _) = written(HALF + 1);
        recent.insert(0, 10);
        recent.remove(&0);
        assert_eq!(held(&recent), [1, 2, 3]);
        recent.clear();
        assert!(held(&recent).is_empty());
    }
}
