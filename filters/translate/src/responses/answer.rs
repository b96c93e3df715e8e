//! The `response` object: the answer as far as it has come. A stream shows it as it begins and as it
//! ends, and a whole answer is nothing else.

use tollgate_api::{Cost, Usage};

use super::page::{json, number, put};
use super::usage;
use crate::dialect::{AnswerHead, Failure};

/// The answer so far.
pub(super) struct Answer {
    /// Everything up to the status.
    before: Vec<u8>,
    /// What it repeats of the request, and the model.
    after: Vec<u8>,
    /// The items that are complete, with commas between them.
    output: Vec<u8>,
    usage: Option<(Usage, Option<Cost>)>,
}

/// How an answer stands.
pub(super) enum Status<'a> {
    InProgress,
    Completed,
    /// And why.
    Incomplete(&'static str),
    Failed(&'a Failure<'a>),
}

impl Status<'_> {
    /// OpenAI's word, which also ends the name of the event that says it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
        }
    }
}

impl Answer {
    /// An answer with this head, and these repeated members.
    pub(super) fn new(head: &AnswerHead, echo: &[u8]) -> Self {
        let (mut before, mut after) = (b"{\"id\":".to_vec(), echo.to_vec());
        json(&mut before, &head.id);
        put(&mut before, &[",\"object\":\"response\",\"created_at\":"]);
        number(&mut before, head.created);
        put(&mut before, &[",\"background\":false,\"status\":\""]);
        put(&mut after, &[",\"store\":false,\"model\":"]);
        json(&mut after, &head.model);
        Self { before, after, output: Vec::new(), usage: None }
    }

    /// An item is complete.
    pub(super) fn add(&mut self, item: &[u8]) {
        if !self.output.is_empty() {
            self.output.push(b',');
        }
        self.output.extend_from_slice(item);
    }

    /// Tokens so far; a later count replaces an earlier one.
    pub(super) fn count(&mut self, usage: Usage, cost: Option<Cost>) {
        self.usage = Some((usage, cost));
    }

    /// Writes it.
    pub(super) fn write(&self, status: &Status<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before);
        put(out, &[status.word(), "\",\"error\":"]);
        match status {
            Status::Failed(Failure { code, message, .. }) => {
                put(out, &["{\"code\":"]);
                json(out, code);
                put(out, &[",\"message\":"]);
                json(out, message);
                put(out, &["}"]);
            }
            _ => put(out, &["null"]),
        }
        put(out, &[",\"incomplete_details\":"]);
        match status {
            Status::Incomplete(reason) => put(out, &["{\"reason\":\"", reason, "\"}"]),
            _ => put(out, &["null"]),
        }
        out.extend_from_slice(&self.after);
        put(out, &[",\"output\":["]);
        out.extend_from_slice(&self.output);
        put(out, &["],\"service_tier\":\""]);
        put(out, &[self.usage.map_or("default", |(usage, _)| usage::word(usage.tier)), "\",\"usage\":"]);
        match &self.usage {
            Some((usage, cost)) => put(out, &[&usage::write(usage, *cost), "}"]),
            None => put(out, &["null}"]),
        }
    }
}
