//! How many there are of what several processes know, each once: a sample that is drawn alike everywhere, so that two of
//! them make one (Bar-Yossef and others, "Counting distinct elements in a data stream", 2002, algorithm 1).

use std::collections::BTreeSet;

/// So many are in a sample. What is counted by one that is full is right within some two per cent.
const MOST: usize = 4096;

/// See the module's documentation: of names, those with the least hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample(BTreeSet<u64>);

impl Sample {
    /// From hashes; only the least of them count.
    pub fn of(hashes: impl IntoIterator<Item = u64>) -> Self {
        let mut sample = Self::default();
        sample.merge(hashes);
        sample
    }

    /// A name more.
    pub fn add(&mut self, name: &str) {
        self.merge([spread(name.bytes())]);
    }

    /// All that is in another.
    pub fn merge(&mut self, hashes: impl IntoIterator<Item = u64>) {
        for hash in hashes {
            if self.0.len() < MOST {
                self.0.insert(hash);
            } else if self.0.last().is_some_and(|last| hash < *last) && self.0.insert(hash) {
                self.0.pop_last();
            }
        }
    }

    /// The hashes, the least first; at most 4,096.
    pub fn hashes(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().copied()
    }

    /// How many names there are.
    pub fn count(&self) -> usize {
        match self.0.last() {
            Some(last) if self.0.len() >= MOST => {
                let among = u128::from(u64::MAX) * (MOST as u128 - 1) / u128::from((*last).max(1));
                usize::try_from(among).unwrap_or(usize::MAX)
            }
            _ => self.0.len(),
        }
    }
}

/// A hash of a name, the same in every process: FNV-1a, and over it the end of `SplitMix64`, since the first leaves high
/// bits alike. Whoever chooses names can have them fall together.
pub fn spread(name: impl IntoIterator<Item = u8>) -> u64 {
    let mut hash = name.into_iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: std::ops::Range<usize>) -> Sample {
        let mut sample = Sample::default();
        names.for_each(|name| sample.add(&name.to_string()));
        sample
    }

    #[test]
    fn few_are_counted_and_many_are_estimated_alike_however_they_are_shared_out() {
        for (first, second, all) in [(0..0, 0..0, 0), (0..10, 5..20, 20), (0..3000, 1000..4000, 4000)] {
            let mut both = of(first);
            both.merge(of(second).hashes());
            assert_eq!(both.count(), all);
        }
        let mut both = of(0..40_000);
        both.merge(of(20_000..100_000).hashes());
        assert_eq!(both, of(0..100_000));
        assert!((96_000..104_000).contains(&both.count()), "{}", both.count());
    }
}
