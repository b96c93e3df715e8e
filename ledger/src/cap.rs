//! How much output a request may be allowed, given the money that is free. Pure.
//!
//! Agents ask for caps that they never use. Taken at their word, a few of them would hold a budget to
//! the brim and everybody else would be refused although next to nothing is spent. So while money is
//! plenty a request holds what it asked for; where it is scarce, its share, but never less than it is
//! likely to need; and where even that is held by others, it waits rather than being refused.

/// What a request needs. Nano-dollars and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What it costs at most before the first token of output.
    pub fixed: i64,
    /// What a million tokens of output cost at most, in nano-dollars.
    pub per_million: i64,
    /// The cap that was asked for, or the most that the model says.
    pub asked: u64,
    /// What such requests have used lately, with room to spare.
    pub likely: u64,
    /// Less output than this is of no use.
    pub least: u64,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Hold this much for so many tokens of output.
    Take {
        /// The cap.
        tokens: u64,
        /// Nano-dollars.
        amount: i64,
    },
    /// More has to be lent to this node first, or come back to it: at least, and at most.
    Wait {
        /// With less it cannot begin.
        least: i64,
        /// With this it need not be lowered.
        most: i64,
    },
}

impl Need {
    /// What it costs at most with this cap; rounded up.
    #[must_use]
    pub fn worst(&self, tokens: u64) -> i64 {
        let output = (i128::from(self.per_million) * i128::from(tokens)).unsigned_abs().div_ceil(1_000_000);
        i64::try_from(output).unwrap_or(i64::MAX).saturating_add(self.fixed)
    }

    /// The largest cap that this much pays for.
    #[must_use]
    pub fn affordable(&self, money: i64) -> u64 {
        let left = i128::from(money) - i128::from(self.fixed);
        if left < 0 {
            return 0;
        }
        if self.per_million <= 0 {
            return u64::MAX;
        }
        u64::try_from(left * 1_000_000 / i128::from(self.per_million)).unwrap_or(u64::MAX)
    }

    /// The smallest cap that is of use.
    fn floor(&self) -> u64 {
        self.least.min(self.asked)
    }
}

/// Decides. `free` is what this node has free in the scarcest of the accounts, `open` how many requests
/// hold something of it, and `pending` what may come back: held here, or lent elsewhere.
#[must_use]
pub fn cap(need: &Need, free: i64, open: u32, pending: i64) -> Verdict {
    let share = free / (i64::from(open) + 1);
    let full = need.worst(need.asked);
    let take = |tokens: u64| Verdict::Take { tokens, amount: need.worst(tokens) };
    if full <= share {
        return take(need.asked);
    }
    let likely = need.likely.max(need.floor()).min(need.asked);
    let lowered = need.affordable(share).clamp(likely, need.asked);
    if need.worst(lowered) <= free {
        return take(lowered);
    }
    // Not even what is likely: worth waiting for, if anything may come back.
    let affordable = need.affordable(free).min(need.asked);
    if pending <= 0 && need.worst(need.floor()) <= free && affordable >= need.floor() {
        return take(affordable);
    }
    let least = if pending > 0 { need.worst(likely) } else { need.worst(need.floor()) };
    Verdict::Wait { least, most: full }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A nano-dollar a token, 10 before the first.
    const NEED: Need = Need { fixed: 10, per_million: 1_000_000, asked: 32_000, likely: 1_000, least: 256 };

    fn tokens(verdict: Verdict) -> Option<u64> {
        match verdict {
            Verdict::Take { tokens, amount } => {
                assert_eq!(amount, NEED.worst(tokens));
                Some(tokens)
            }
            Verdict::Wait { .. } => None,
        }
    }

    #[test]
    fn where_money_is_plenty_a_request_holds_what_it_asked_for() {
        assert_eq!(tokens(cap(&NEED, 32_010, 0, 0)), Some(32_000));
        assert_eq!(tokens(cap(&NEED, 10 * 32_010, 9, 0)), Some(32_000));
    }

    #[test]
    fn among_many_it_holds_its_share_but_never_less_than_is_likely() {
        assert_eq!(tokens(cap(&NEED, 10 * 20_010, 9, 1)), Some(20_000));
        assert_eq!(tokens(cap(&NEED, 10_000, 99, 1)), Some(1_000));
    }

    #[test]
    fn what_others_hold_is_waited_for_and_at_the_end_what_is_left_is_taken() {
        assert_eq!(cap(&NEED, 900, 5, 4_000), Verdict::Wait { least: 1_010, most: 32_010 });
        assert_eq!(tokens(cap(&NEED, 900, 0, 0)), Some(890));
    }

    #[test]
    fn less_than_is_of_use_is_not_begun() {
        assert_eq!(cap(&NEED, 265, 0, 0), Verdict::Wait { least: 266, most: 32_010 });
        assert_eq!(tokens(cap(&NEED, 266, 0, 0)), Some(256));
    }

    #[test]
    fn a_small_request_is_not_asked_to_be_larger_than_it_is() {
        let small = Need { asked: 5, ..NEED };
        assert_eq!(cap(&small, 15, 0, 0), Verdict::Take { tokens: 5, amount: 15 });
        assert_eq!(cap(&small, 14, 3, 9), Verdict::Wait { least: 15, most: 15 });
    }

    #[test]
    fn what_is_free_of_charge_is_never_lowered() {
        let free = Need { per_million: 0, fixed: 0, ..NEED };
        assert_eq!(cap(&free, 0, 7, 0), Verdict::Take { tokens: 32_000, amount: 0 });
    }

    #[test]
    fn the_largest_figures_do_not_wrap() {
        let huge = Need { fixed: i64::MAX, per_million: i64::MAX, asked: u64::MAX, likely: u64::MAX, least: 1 };
        assert_eq!(huge.worst(u64::MAX), i64::MAX);
        assert!(matches!(cap(&huge, 5, u32::MAX, 0), Verdict::Wait { .. }));
    }
}
