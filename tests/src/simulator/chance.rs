//! Chance that repeats itself: what happens to the n-th call of a kind on a resource depends on
//! the seed, the call and n, and not on which of two tasks was faster.

use std::collections::HashMap;

/// Where all randomness of a simulator comes from.
#[derive(Debug)]
pub(super) struct Chance {
    seed: u64,
    drawn: HashMap<u64, u64>,
}

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, drawn: HashMap::new() }
    }

    /// The next source of random numbers for what `key` names.
    pub(super) fn next(&mut self, key: &[&str]) -> fastrand::Rng {
        let hash = fnv(key);
        let drawn = self.drawn.entry(hash).or_default();
        *drawn += 1;
        let mut rng = fastrand::Rng::with_seed(self.seed ^ hash);
        fastrand::Rng::with_seed(rng.u64(..).wrapping_add(*drawn))
    }
}

/// Fowler, Noll and Vo's hash, which is the same in every build.
pub(super) fn fnv(key: &[&str]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let bytes = key.iter().flat_map(|part| part.bytes().chain([0xff]));
    bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, keys: &[&str]) -> Vec<u64> {
        let mut chance = Chance::new(seed);
        let mut drawn: Vec<_> = keys.iter().map(|key| (key, chance.next(&[key]).u64(..))).collect();
        drawn.sort_unstable();
        drawn.into_iter().map(|(_, number)| number).collect()
    }

    #[test]
    fn the_order_of_different_things_does_not_matter() {
        assert_eq!(drawn(1, &["a", "b"]), drawn(1, &["b", "a"]));
        assert_ne!(drawn(1, &["a", "b"]), drawn(2, &["a", "b"]));
    }

    #[test]
    fn the_same_thing_again_is_another_draw() {
        let drawn = drawn(1, &["a", "a"]);
        assert_ne!(drawn[0], drawn[1]);
    }
}
