//! The headers of an answer that say what happened. Every name of ours stands here.

use http::{HeaderName, HeaderValue};
use tollgate_api::Money;

use crate::tally::Tally;

/// Headers of an answer, collected before its head is written.
pub(super) type Headers = smallvec::SmallVec<[(HeaderName, HeaderValue); 12]>;

/// The headers that say what happened.
pub(crate) fn headers(tally: &Tally) -> Headers {
    let mut headers = Headers::new();
    let mut say = |name: &HeaderName, value: &str| {
        // Values are ours: names from configuration, decimals, words of closed sets.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.push((name.clone(), value));
        }
    };
    say(&names::REQUEST_ID, std::str::from_utf8(&tally.id.text()).unwrap_or_default());
    if tally.live.books.is_some() {
        say(&names::RECEIPT, &format!("/v1/audit/receipts/{}", tally.id));
    }
    if let Some(endpoint) = tally.served_by() {
        say(&names::ENDPOINT, &endpoint.name);
        say(&names::MODEL, &endpoint.model);
        if endpoint.prices.is_none() {
            say(&names::UNPRICED, "true");
        }
    }
    if let Some(chain) = tally.chain() {
        say(&names::FALLBACK_CHAIN, &chain);
    }
    if let Some(reason) = tally.fallback_reason() {
        say(&names::FALLBACK_REASON, reason);
    }
    if let Some(label) = tally.exchange.as_ref().and_then(|x| x.label.as_ref()) {
        say(&names::TASK, label.task.map_or("unsure", |t| t.as_str()));
        say(&names::COMPLEXITY, label.complexity.as_str());
        say(&names::RULE, &label.rule);
    }
    if let Some(cost) = tally.cost {
        say(&names::COST, &cost.total().decimal());
        say(&names::INPUT_COST, &cost.input.decimal());
        say(&names::OUTPUT_COST, &cost.output.decimal());
        if tally.fee != 0 {
            say(&names::FEE, &Money::from_nano(tally.fee).decimal());
        }
    }
    if !tally.leg.dropped.is_empty() {
        say(&names::DROPPED, &tally.leg.dropped.join(", "));
    }
    paced(tally, &mut say);
    if let Some(cap) = tally.lowered_cap() {
        say(&names::MAX_OUTPUT, &cap.to_string());
    }
    headers.extend(crate::admit::headers(tally.rates));
    headers
}

/// What a deadline and a race made of it.
fn paced(tally: &Tally, say: &mut impl FnMut(&HeaderName, &str)) {
    if let Some(asked) = tally.asked_tier() {
        say(&names::TIER_ASKED, asked.as_str());
    }
    if let Some(usage) = tally.usage.filter(|_| tally.wishes.start.is_some()) {
        say(&names::TIER, usage.tier.as_str());
    }
    if let Some(end) = tally.race {
        say(&names::RACE, end.as_str());
    }
    if let Some(saving) = tally.saving {
        say(&names::SAVED, &Money::from_nano(saving.saved).decimal());
    }
}

/// The names of our headers.
mod names {
    use http::HeaderName;

    pub(super) static REQUEST_ID: HeaderName = HeaderName::from_static("x-tollgate-request-id");
    pub(super) static RECEIPT: HeaderName = HeaderName::from_static("x-tollgate-receipt");
    pub(super) static ENDPOINT: HeaderName = HeaderName::from_static("x-tollgate-endpoint");
    pub(super) static MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");
    pub(super) static UNPRICED: HeaderName = HeaderName::from_static("x-tollgate-unpriced");
    pub(super) static FALLBACK_CHAIN: HeaderName = HeaderName::from_static("x-tollgate-fallback-chain");
    pub(super) static FALLBACK_REASON: HeaderName = HeaderName::from_static("x-tollgate-fallback-reason");
    pub(super) static TASK: HeaderName = HeaderName::from_static("x-tollgate-task");
    pub(super) static COMPLEXITY: HeaderName = HeaderName::from_static("x-tollgate-complexity");
    pub(super) static RULE: HeaderName = HeaderName::from_static("x-tollgate-rule");
    pub(super) static COST: HeaderName = HeaderName::from_static("x-tollgate-cost-usd");
    pub(super) static INPUT_COST: HeaderName = HeaderName::from_static("x-tollgate-input-cost-usd");
    pub(super) static FEE: HeaderName = HeaderName::from_static("x-tollgate-fee-usd");
    pub(super) static DROPPED: HeaderName = HeaderName::from_static("x-tollgate-dropped");
    pub(super) static TIER_ASKED: HeaderName = HeaderName::from_static("x-tollgate-tier-asked");
    pub(super) static TIER: HeaderName = HeaderName::from_static("x-tollgate-tier");
    pub(super) static RACE: HeaderName = HeaderName::from_static("x-tollgate-race");
    pub(super) static SAVED: HeaderName = HeaderName::from_static("x-tollgate-saved-usd");
    pub(super) static MAX_OUTPUT: HeaderName = HeaderName::from_static("x-tollgate-max-output");
    pub(super) static OUTPUT_COST: HeaderName = HeaderName::from_static("x-tollgate-output-cost-usd");
}
