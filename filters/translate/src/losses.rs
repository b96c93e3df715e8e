//! What a translation would leave out: refused, unless the client said that it may be dropped.
//!
//! It is asked only about what matters. What cannot mean anything to another vendor is left out
//! without a word.

use tollgate_api::Refusal;

use crate::json::unsupported;

/// More names than anybody reads.
const NAMED_MAX: usize = 16;

/// What is lost in one translation.
#[derive(Debug, Default)]
pub struct Losses {
    permitted: bool,
    dropped: Vec<String>,
}

impl Losses {
    /// None so far. `permitted` says whether the client lets what cannot be expressed be dropped.
    #[must_use]
    pub fn new(permitted: bool) -> Self {
        Self { permitted, dropped: Vec::new() }
    }

    /// The member at `path` cannot be expressed, and matters.
    ///
    /// # Errors
    /// Unless it may be dropped. `why` completes a sentence that begins with the member's name.
    pub fn lose(&mut self, path: &str, why: &str) -> Result<(), Refusal> {
        if !self.permitted {
            return Err(unsupported(path, why));
        }
        self.forgo(path);
        Ok(())
    }

    /// The member at `path` cannot be expressed, and the request can be served without it: it is left out, and
    /// named among what was.
    pub fn forgo(&mut self, path: &str) {
        if self.dropped.len() < NAMED_MAX && !self.dropped.iter().any(|dropped| dropped == path) {
            self.dropped.push(path.to_owned());
        }
    }

    /// The members that were dropped.
    #[must_use]
    pub fn dropped(self) -> Vec<String> {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use tollgate_api::Code;

    use super::*;

    #[test]
    fn what_matters_is_refused_unless_it_may_be_dropped_and_then_it_is_named_once() {
        let refusal = Losses::new(false).lose("logprobs", "does not exist at Anthropic").expect_err("it matters");
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some("logprobs")));
        let mut losses = Losses::new(true);
        for _ in 0..2 {
            assert_eq!(losses.lose("logprobs", "does not exist at Anthropic"), Ok(()));
        }
        assert_eq!(losses.dropped(), ["logprobs"]);
    }
}
