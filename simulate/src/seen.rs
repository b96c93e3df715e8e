//! What a profile has seen: for tests to ask what reached the vendor.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::Serialize;

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
}

impl Counts {
    pub(crate) fn came(&self, request: Option<Request>) {
        self.requests.fetch_add(1, Relaxed);
        if let Some(request) = request {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        }
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
    done: bool,
    bill: Billed,
}

impl Ending {
    pub(crate) fn new(counts: Arc<Counts>) -> Self {
        Self { counts, done: false, bill: Billed::default() }
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
        let counter = if self.done { &self.counts.answered } else { &self.counts.cancelled };
        counter.fetch_add(1, Relaxed);
        self.counts.billed_input.fetch_add(self.bill.input, Relaxed);
        self.counts.billed_output.fetch_add(self.bill.output, Relaxed);
    }
}
