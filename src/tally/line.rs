//! The line that a request leaves in the request log: who, what, where, how long, how many, how much; never
//! what was said.

use std::time::Duration;

use tollgate_api::{Money, Outcome, Tier};

use super::{Saving, Tally};
use crate::line::Line;

impl Tally {
    pub(super) fn line(&self, outcome: Outcome, elapsed: Duration) -> Vec<u8> {
        let mut line = Line::begin();
        line.text("id", std::str::from_utf8(&self.id.text()).unwrap_or_default());
        if let Some(caller) = &self.caller {
            line.text("tenant", &caller.tenant).text("key", &caller.key_id);
        }
        line.text("surface", self.surface.as_str());
        if let Some(exchange) = &self.exchange {
            line.foreign("model", &exchange.call.model).flag("stream", exchange.call.stream);
            if let Some(label) = &exchange.label {
                line.text("task", label.task.map_or("unsure", |t| t.as_str()));
                line.text("complexity", label.complexity.as_str()).text("rule", &label.rule);
            }
        }
        if let Some(route) = &self.route {
            line.text("route", route);
        }
        if let Some(endpoint) = self.served_by() {
            line.text("endpoint", &endpoint.name).text("served_model", &endpoint.model);
        }
        if let Some(chain) = self.chain() {
            line.text("chain", &chain);
        }
        line.number("status", self.status.into()).text("outcome", outcome.as_str());
        if let Some(code) = self.refused {
            line.text("code", code.as_str());
        }
        self.line_money(&mut line);
        line.micros("total_ms", elapsed).micros("overhead_ms", elapsed.saturating_sub(self.waited));
        if let Some(first) = self.first_content {
            line.micros("first_content_ms", first);
        }
        self.line_race(&mut line);
        line.end()
    }

    fn line_race(&self, line: &mut Line) {
        if let Some(start) = self.wishes.start {
            line.text("start_within", &start.to_string());
        }
        if let Some(asked) = self.asked_tier() {
            line.text("tier_asked", asked.as_str());
        }
        let Some(end) = self.race else { return };
        line.text("race", end.as_str());
        if let Some(why) = self.leg.tried.last().and_then(|tried| tried.how.why) {
            line.text("why", why.as_str());
        }
        if let Some(Saving { saved, .. }) = self.saving {
            line.text("saved_usd", &Money::from_nano(saved).decimal());
        }
        let at_most = self.at_most();
        if at_most > 0 {
            line.text("duplicate_usd_at_most", &Money::from_nano(at_most).decimal());
        }
    }

    fn line_money(&self, line: &mut Line) {
        let Some(usage) = &self.usage else { return };
        line.number("input_tokens", usage.prompt()).number("output_tokens", usage.output);
        if usage.cached > 0 {
            line.number("cached_tokens", usage.cached);
        }
        line.text("usage", usage.source.as_str());
        match self.cost {
            Some(cost) => line.text("cost_usd", &cost.total().decimal()),
            None => line.text("cost_usd", "unpriced"),
        };
        if usage.tier != Tier::Standard {
            line.text("tier", usage.tier.as_str());
        }
        if self.served_by().is_some_and(|endpoint| endpoint.is_guess(usage.tier)) {
            line.text("price", "guessed");
        }
        if self.fee != 0 {
            line.text("fee_usd", &Money::from_nano(self.fee).decimal());
        }
    }
}
