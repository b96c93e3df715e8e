//! The filter to copy: it tags requests for the upstream and refuses one word in the model's name.
//!
//! It shows each hook once. It keeps no state outside its exchange and looks at no content.

use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_api::{
    AttemptHead, BuildError, Code, Event, Exchange, Filter, Finish, Refusal, Verdict, Veto, http::HeaderValue,
};

/// The settings, as they stand under `conf:` in the configuration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conf {
    /// The value of the header `x-tag` that upstreams get to see.
    tag: String,
    /// Requests for models whose name contains this are refused.
    #[serde(default)]
    refuse: Option<String>,
}

/// The filter, built from its settings.
#[derive(Debug)]
pub struct Tag {
    tag: HeaderValue,
    refuse: Option<String>,
}

/// What it counts from the first hook to the last.
#[derive(Debug, Default)]
pub struct Seen {
    pieces: u32,
}

impl Filter for Tag {
    const NAME: &'static str = "sample";
    type Conf = Conf;
    type State = Seen;

    fn build(conf: Conf) -> Result<Self, BuildError> {
        let tag = HeaderValue::from_str(&conf.tag)
            .map_err(|_| BuildError("`tag` must be visible ASCII: it becomes a header".into()))?;
        Ok(Self { tag, refuse: conf.refuse })
    }

    async fn on_request(&self, exchange: &mut Exchange, _: &mut Seen) -> Verdict {
        match &self.refuse {
            Some(word) if exchange.call.model.contains(word.as_str()) => {
                Verdict::Refuse(Refusal::new(Code::RefusedByFilter, "this model is not for you").at("model"))
            }
            _ => Verdict::Continue,
        }
    }

    fn on_attempt(&self, _: &Exchange, _: &mut Seen, attempt: &mut AttemptHead<'_>) -> Result<(), Veto> {
        attempt.headers.insert("x-tag", self.tag.clone());
        Ok(())
    }

    fn on_event(&self, _: &Exchange, seen: &mut Seen, _: &mut Event) {
        seen.pieces += 1;
    }

    fn on_finish(&self, _: &Exchange, _: &mut Seen, _: &Finish<'_>) {}
}
