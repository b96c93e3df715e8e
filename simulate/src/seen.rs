//! What a profile has seen: for tests to ask what reached the vendor.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::Serialize;

use crate::fate::Foreseen;
use crate::times::{Began, Cancelled, Times};

/// Counters of one profile, and its last request.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Seen {
    /// Requests whose body was read.
    pub requests: u64,
    /// Answers that were written to their end.
    pub answered: u64,
    /// Answers that the other side hung up on, also before they began.
    pub cancelled: u64,
    /// What the vendor asks money for: an answer that came to its end, with its prompt; of one that was hung
    /// up on, the prompt and what had been written. What the vendor itself broke off or refused is free.
    pub billed: Billed,
    /// The last request.
    pub last: Option<Request>,
}

/// Tokens that a vendor asks money for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Billed {
    /// Of prompts.
    pub input: u64,
    /// Of answers.
    pub output: u64,
}

/// A request as it came.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, without the profile.
    pub path: String,
    /// HTTP version, such as `HTTP/1.1`.
    pub version: String,
    /// Headers with lower-case names, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(skip)]
    pub body: Bytes,
}

impl Request {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// The counters while they count.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    requests: AtomicU64,
    answered: AtomicU64,
    cancelled: AtomicU64,
    billed_input: AtomicU64,
    billed_output: AtomicU64,
    last: Mutex<Option<Request>>,
    /// Where times are kept.
    times: Option<Times>,
}

impl Counts {
    pub(crate) fn new(keep_times: bool) -> Self {
        Self { times: keep_times.then(Times::default), ..Self::default() }
    }

    pub(crate) fn came(&self, request: Request, trace_id: Option<&str>, drawn: Foreseen) {
        // First of all, so that who has seen the counters finds the times.
        if let Some(times) = &self.times {
            times.began(trace_id, drawn);
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        self.requests.fetch_add(1, Relaxed);
    }

    pub(crate) fn began(&self) -> Vec<Began> {
        self.times.as_ref().map(Times::all_began).unwrap_or_default()
    }

    pub(crate) fn cancelled(&self) -> Vec<Cancelled> {
        self.times.as_ref().map(Times::all_cancelled).unwrap_or_default()
    }

    pub(crate) fn read(&self) -> Seen {
        Seen {
            requests: self.requests.load(Relaxed),
            answered: self.answered.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
            billed: Billed { input: self.billed_input.load(Relaxed), output: self.billed_output.load(Relaxed) },
            last: self.last.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// Counts how an answer ended: dropped before its end, it was cancelled.
pub(crate) struct Ending {
    counts: Arc<Counts>,
    trace_id: Option<String>,
    done: bool,
    bill: Billed,
    written: u64,
}

impl Ending {
    pub(crate) fn new(counts: Arc<Counts>, trace_id: Option<String>) -> Self {
        Self { counts, trace_id, done: false, bill: Billed::default(), written: 0 }
    }

    /// So many bytes of the body went to the connection.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    /// The prompt was read.
    pub(crate) fn reads(&mut self, tokens: u64) {
        self.bill.input = tokens;
    }

    /// So many tokens of the answer were made.
    pub(crate) fn says(&mut self, tokens: u64) {
        self.bill.output += tokens;
    }

    /// It is finished, and was so many tokens.
    pub(crate) fn said(&mut self, tokens: u64) {
        self.bill.output = tokens;
    }

    /// The vendor gives up: nobody pays for that.
    pub(crate) fn gives_up(&mut self) {
        self.bill = Billed::default();
        self.done = true;
    }

    pub(crate) fn done(&mut self) {
        self.done = true;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let (false, Some(times)) = (self.done, &self.counts.times) {
            times.cancelled(self.trace_id.take(), self.written);
        }
        let counter = if self.done { &self.counts.answered } else { &self.counts.cancelled };
        counter.fetch_add(1, Relaxed);
        self.counts.billed_input.fetch_add(self.bill.input, Relaxed);
        self.counts.billed_output.fetch_add(self.bill.output, Relaxed);
    }
}
