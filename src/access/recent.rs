//! A bounded table that forgets what was not written for the longest time, half of itself at once.

use std::collections::HashMap;
use std::hash::Hash;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    /// Entries in half of it.
    half: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V: Copy> Recent<K, V> {
    pub(super) fn new(half: usize) -> Self {
        Self { half, young: HashMap::new(), old: HashMap::new() }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    /// Returns what was forgotten for it.
    pub(super) fn insert(&mut self, key: K, value: V) -> HashMap<K, V> {
        let mut forgotten = HashMap::new();
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        }
        self.young.insert(key, value);
        forgotten
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let old = self.old.remove(key);
        self.young.remove(key).or(old)
    }
}
