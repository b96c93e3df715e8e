//! The client's own bound on what its request costs: a plan within it, and the cap on output that keeps it
//! there. Nothing is held for it.

use tollgate_api::{Call, Code, Money, Refusal};

use super::Terms;
use super::need::{Price, prompt_tokens, unbounded};
use super::reach::{dearer, tier};
use crate::deadlines::Wishes;
use crate::plan::{Candidate, NoneLeft, Plan};

impl Plan<'_> {
    /// Keeps the candidates whose worst case is within what the client allows, and caps the output so that it
    /// stays there.
    ///
    /// # Errors
    /// When there is none, or no cap on output bounds the price.
    pub(crate) fn within_cost(mut self, wishes: &Wishes, call: &Call, terms: &Terms) -> Result<Self, Refusal> {
        let Some(most) = wishes.cost else { return Ok(self) };
        if let Some(member) = unbounded(call) {
            let what = format!("`{member}` asks for something whose price no cap on output bounds");
            return Err(Refusal::new(Code::UnboundedCost, what).at(member));
        }
        let (prompt, tier) = (prompt_tokens(call), dearer(tier(call), self.tier()));
        // With fewer tokens an answer is none.
        let least = terms.budgets.least_output.min(call.max_output.unwrap_or(u64::MAX));
        let (fee, is_twice) = (terms.fees.cost.max(terms.fees.byok), self.may_ask_twice());
        let affords = |candidate: &Candidate<'_>| {
            let prices = candidate.endpoint().prices.as_ref().filter(|prices| prices.says(tier))?;
            let price = Price::of(is_twice, prices, prompt, tier).with_fee(fee, false);
            price.affords(most.nano(), call.choices).filter(|tokens| *tokens >= least)
        };
        self.retain(|candidate| affords(candidate).is_some()).map_err(|NoneLeft| too_dear(most))?;
        let asked = call.max_output.or_else(|| self.candidates().filter_map(|c| c.endpoint().max_output).max());
        self.cap = self.candidates().filter_map(affords).min().filter(|cap| asked.is_none_or(|asked| asked > *cap));
        Ok(self)
    }
}

fn too_dear(most: Money) -> Refusal {
    let what = format!("no endpoint for this model answers for at most {most} US dollars, whatever it says");
    Refusal::new(Code::MaxCostExceeded, what).at("x-tollgate-max-cost-usd")
}
