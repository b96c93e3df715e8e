//! One request and its answer, as filters see them. No credential is in here.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use crate::{Call, Caller, Cost, Edit, Edits, Label, RequestId, Usage};

/// One request on its way through.
#[derive(Debug)]
pub struct Exchange {
    /// Its id, also in the response header `x-tollgate-request-id`.
    pub id: RequestId,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// What is asked.
    pub call: Call,
    /// The client's headers without its credentials. Empty unless a filter or a route looks at them.
    pub headers: HeaderMap,
    /// What classification said; `None` before it ran, or where no route asks for it.
    pub label: Option<Label>,
    /// Changes to the body that filters asked for so far.
    pub edits: Edits,
}

impl Exchange {
    /// Sets a top-level member of the request body to `json` (JSON text; not checked here).
    pub fn set(&mut self, member: &str, json: impl Into<Box<str>>) {
        self.edits.push(Edit { member: member.into(), value: Some(json.into()) });
    }

    /// Removes a top-level member of the request body.
    pub fn remove(&mut self, member: &str) {
        self.edits.push(Edit { member: member.into(), value: None });
    }

    /// Asks for another model; routes are matched against it.
    pub fn set_model(&mut self, model: &str) {
        self.call.model = model.into();
    }
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client has the whole answer.
    Answered,
    /// We said no; the client has our error.
    Refused,
    /// Every attempt failed; the client has our error.
    Failed,
    /// The upstream broke off in the middle of the answer; the client was told.
    CutUpstream,
    /// The client hung up first.
    HungUp,
}

impl Outcome {
    /// The word used in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::CutUpstream => "cut_upstream",
            Self::HungUp => "hung_up",
        }
    }
}

/// The end of an exchange, told exactly once to every filter that saw its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Finish<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status that was sent; 499 when the client was gone before any.
    pub status: u16,
    /// The endpoint that answered.
    pub endpoint: Option<&'a str>,
    /// Tokens.
    pub usage: Option<Usage>,
    /// Money; `None` when the model has no price.
    pub cost: Option<Cost>,
    /// From the first byte of the request to the last of the answer.
    pub elapsed: Duration,
}
