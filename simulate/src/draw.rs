//! Draws from a seed: the same seed, the same answers.

/// A small generator (`SplitMix64`); not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// What one request to a profile draws, whatever came before it: told by the seed, the profile's name and the
    /// request's trace id. The hash (FNV-1a) is spelled out, so that it is the same in every build.
    pub(crate) fn of(seed: u64, profile: &str, trace_id: &str) -> Self {
        let seed = seed.to_le_bytes();
        // The separator is no byte of UTF-8: no two names run into one.
        let bytes = seed.iter().chain(profile.as_bytes()).chain(&[0xff]).chain(trace_id.as_bytes());
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `min` to `max`, both included.
    pub(crate) fn between(&mut self, min: u64, max: u64) -> u64 {
        match max.checked_sub(min).and_then(|span| span.checked_add(1)) {
            Some(span) => min + self.next() % span,
            None => min,
        }
    }

    /// Whether this is one of so many in a thousand. Where it never is, nothing is drawn.
    pub(crate) fn per_mille(&mut self, share: u32) -> bool {
        share > 0 && self.between(1, 1000) <= share.into()
    }

    /// A number of the standard normal distribution (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let (length, turn) = (self.share(), self.share());
        (-2.0 * length.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    }

    /// A number above 0, up to 1.
    fn share(&mut self) -> f64 {
        const STEPS: u64 = 1 << 53;
        ((self.next() % STEPS) + 1) as f64 / STEPS as f64
    }

    /// `count` words.
    pub(crate) fn words(&mut self, count: u32) -> Vec<String> {
        const WORDS: [&str; 24] = [
            "the",
            "gate",
            "opens",
            "when",
            "a",
            "traveller",
            "has",
            "paid",
            "and",
            "closes",
            "behind",
            "every",
            "cart",
            "that",
            "rolls",
            "over",
            "old",
            "stones",
            "towards",
            "market",
            "before",
            "noon",
            "each",
            "day",
        ];
        (0..count)
            .map(|i| {
                let word = WORDS[usize::try_from(self.between(0, 23)).unwrap_or(0)];
                if i == 0 { word.to_owned() } else { format!(" {word}") }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_words() {
        assert_eq!(Draw::new(7).words(20), Draw::new(7).words(20));
        assert_ne!(Draw::new(7).words(20), Draw::new(8).words(20));
    }

    #[test]
    fn a_trace_draws_the_same_in_every_build_and_differently_at_another_profile() {
        let first = |seed, profile, trace| Draw::of(seed, profile, trace).next();
        assert_eq!(first(1, "north", "4bf92f3577b34da6a3ce929d0e0e4736"), 0xbde1_7df9_d6f3_474d);
        let others = [first(2, "north", "a"), first(1, "south", "a"), first(1, "north", "b"), first(1, "nort", "ha")];
        assert!(others.iter().all(|other| *other != first(1, "north", "a")));
    }

    #[test]
    fn bounds_are_kept() {
        let mut draw = Draw::new(1);
        assert!((0..1000).all(|_| (5..=9).contains(&draw.between(5, 9))));
        assert_eq!(draw.between(9, 5), 9);
    }
}
