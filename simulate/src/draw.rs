//! Draws from a seed: the same seed, the same answers.

/// A small generator (`SplitMix64`); not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
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
    fn bounds_are_kept() {
        let mut draw = Draw::new(1);
        assert!((0..1000).all(|_| (5..=9).contains(&draw.between(5, 9))));
        assert_eq!(draw.between(9, 5), 9);
    }
}
