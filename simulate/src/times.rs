//! When requests began and when they were cancelled, each by its trace: the last of them, no more.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::fate::Foreseen;

/// How many of each are kept.
const KEPT_MAX: usize = 65_536;

/// A request whose body was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Began {
    /// The trace it belongs to, as its `traceparent` says.
    pub trace_id: Option<String>,
    /// When its body had been read.
    pub at: Instant,
    /// What it has drawn.
    pub drawn: Foreseen,
}

/// A request that the other side hung up on, before its answer or in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    /// The trace it belongs to, as its `traceparent` says.
    pub trace_id: Option<String>,
    /// When the vendor saw it.
    pub at: Instant,
    /// Bytes of the answer's body that had gone to the connection by then; 0 before the body, also after the head.
    pub written: u64,
}

/// The last of each.
#[derive(Debug, Default)]
pub(crate) struct Times {
    began: Mutex<VecDeque<Began>>,
    cancelled: Mutex<VecDeque<Cancelled>>,
}

impl Times {
    pub(crate) fn began(&self, trace_id: Option<&str>, drawn: Foreseen) {
        push(&self.began, Began { trace_id: trace_id.map(str::to_owned), at: Instant::now(), drawn });
    }

    pub(crate) fn cancelled(&self, trace_id: Option<String>, written: u64) {
        push(&self.cancelled, Cancelled { trace_id, at: Instant::now(), written });
    }

    pub(crate) fn all_began(&self) -> Vec<Began> {
        all(&self.began)
    }

    pub(crate) fn all_cancelled(&self) -> Vec<Cancelled> {
        all(&self.cancelled)
    }
}

fn push<T>(list: &Mutex<VecDeque<T>>, item: T) {
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    if list.len() == KEPT_MAX {
        list.pop_front();
    }
    list.push_back(item);
}

fn all<T: Clone>(list: &Mutex<VecDeque<T>>) -> Vec<T> {
    list.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_kept_and_no_more() {
        let times = Times::default();
        for written in 0..KEPT_MAX as u64 + 3 {
            times.cancelled(None, written);
        }
        let kept = times.all_cancelled();
        assert_eq!((kept.len(), kept[0].written), (KEPT_MAX, 3));
    }
}
