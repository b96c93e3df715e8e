//! In time: when to start a second attempt, and what is known of how long the first may take.
//!
//! Everything here is pure: the time comes in as an argument, and so does chance. The proxy runs real
//! attempts by it, `tollgate explain` shows its numbers, and `tollgate simulate tiers` plays it on a
//! clock of its own.

mod course;
mod latencies;
mod latency;
mod quota;
mod rest;
mod start;
mod trial;

pub use course::{Course, Runner, Step, Why};
pub use latencies::{Latencies, NoLatencies};
pub use latency::Latency;
pub use quota::Quota;
pub use rest::{Rest, RestPolicy};
pub use start::{Start, Times, start};
pub use trial::{Found, Prices, Tier, Trial, run};
